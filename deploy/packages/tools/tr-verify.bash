# Completion of tr-verify: subcommands and options are what the program itself says they are.
_tr_verify() {
    local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]}
    if [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" --help | sed -n 's/^.*tr-verify \([a-z]*\) .*/\1/p') --help --version" -- "$word")
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" "${COMP_WORDS[1]}" --help | grep -o -e '--[a-z-]*') --help" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _tr_verify tr-verify
