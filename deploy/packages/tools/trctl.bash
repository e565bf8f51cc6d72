# Completion of trctl: what may follow is what the program itself says.
_trctl() {
    local word=${COMP_WORDS[COMP_CWORD]}
    mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "$word")
    [ ${#COMPREPLY[@]} -gt 0 ] || [[ $word == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
}
complete -o filenames -F _trctl trctl
