#!/bin/bash
# The manual pages of the packages say what the programs take: each command, each option of each command, and each exit
# status that the usage names; no more than that; and groff has nothing against them. Each rule is shown a page that breaks it.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/checks/say.sh"
programs=$root/build/release
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
page=$root/deploy/packages/tools/tr-verify.1

judge() { # PAGE: a line for everything in which tr-verify and this page differ
    python3 -B - "$programs/tr-verify" "$1" <<'PY'
import re, subprocess, sys
program, page = sys.argv[1:]
with open(page) as f:
    text = f.read().replace("\\-", "-")
said = lambda *a: subprocess.run([program, *a], capture_output=True, text=True, check=True).stdout
options = lambda t: set(re.findall(r"--[a-z][a-z-]*", t))
usage = said("--help")
commands = re.findall(r"tr-verify ([a-z]+)", usage)
part = lambda title: (re.search(rf"^\.SH {title}\n(.*?)(?=^\.SH|\Z)", text, re.M | re.S) or [""])[0]
sections = dict(re.findall(r"^\.SS (\S+)\n(.*?)(?=^\.SS|\Z)", part("COMMANDS"), re.M | re.S))
for c in set(commands) ^ set(sections):
    print(f"command {c} is " + ("not in the page" if c in commands else "none"))
for c in commands:
    # The tag of a paragraph names the option that it is about.
    told = options(" ".join(re.findall(r"^\.TP\n(.*)$", sections.get(c, ""), re.M)))
    for o in sorted(options(said(c, "--help")) ^ told):
        print(f"{c} {o} is " + ("none" if o in told else "not in the page"))
    if not re.search(rf"^\.B tr-verify {c}$", part("SYNOPSIS"), re.M):
        print(f"{c} is not in the synopsis")
exits = set(re.findall(r"(\d+) [a-z]", usage[usage.index("exit:"):]))
for e in sorted(exits ^ set(re.findall(r"^\.B (\d+)$", part("EXIT STATUS"), re.M))):
    print(f"exit status {e}")
if len(commands) < 9:
    print("the usage names no commands")
PY
}
twin() { # NAME SED WORDS: the page, edited so, is found wrong in these words
    sed "$2" "$page" >"$tmp/page"
    say "$1" "$(grep -qF -- "$3" <<<"$(judge "$tmp/page")" || echo "it was not found")"
}

say manual_has_every_command_and_option "$(judge "$page")"
twin manual_twin_lacks_an_option '/^\.SS log/,/^\.SH/s/\\-\\-quiet/\\-\\-silent/' 'log --quiet is not in the page'
twin manual_twin_has_one_too_many '/^\.SS log/,/^\.SH/s/\\-\\-quiet/\\-\\-silent/' 'log --silent is none'
twin manual_twin_lacks_a_command '/^\.SS audit/,/^\.SS policy/d' 'command audit is not in the page'
twin manual_twin_lacks_an_exit_status 's/^\.B 40$/.B 41/' 'exit status 40'

# What tr-controlplane's usage names, its page has.
told() { # PAGE
    "$programs/tr-controlplane" 2>&1 | grep -o -e '--[a-z-]*' | sort -u | while read -r option; do
        sed 's/\\-/-/g' "$1" | grep -qF -- "$option" || echo "$option is not in the page"
    done
}
say manual_has_every_option_of_the_control_plane "$(told "$root/deploy/packages/controlplane/tr-controlplane.8")"
say manual_twin_lacks_a_control_plane_option "$(told "$page" | grep -q -- '--init-state' || echo "it was not found")"

# trctl's page is made by the program, of its table: each command of the table has its part, and each exit status of the usage.
trctl_judge() { # PAGE
    "$programs/trctl" commands | sed 's/  .*//' | while read -r words; do
        sed 's/\\-/-/g' "$1" | grep -qE "^\.SS $words( |$)" || echo "$words is not in the page"
    done
    "$programs/trctl" --help | sed -n 's/^exit: //p' | grep -oE '[0-9]+' | while read -r status; do
        grep -qx "\.B $status" "$1" || echo "exit status $status is not in the page"
    done
}
"$programs/trctl" manual >"$tmp/trctl.1"
say manual_of_trctl_has_every_command "$(trctl_judge "$tmp/trctl.1")"
sed '/^\.SS keys create/d' "$tmp/trctl.1" >"$tmp/page"
say manual_twin_of_trctl_lacks_a_command "$(trctl_judge "$tmp/page" | grep -q '^keys create is not' || echo "it was not found")"

if command -v groff >/dev/null; then
    lint() { sed 's/@[A-Z]*@/1/g' "$1" | groff -man -Tutf8 -ww -rCHECKSTYLE=2 2>&1 >/dev/null; }
    for file in "$root"/deploy/packages/*/*.[18] "$tmp/trctl.1"; do
        say "manual_page_$(basename "$file" | tr '.-' '__')" "$(lint "$file")"
    done
    printf '.TH X 1\n.nosuchrequest\n' >"$tmp/page"
    say manual_twin_is_no_page "$([ -n "$(lint "$tmp/page")" ] || echo "groff took it")"
else
    echo "skip manual_pages: no groff"
fi

# The completion offers what the program says.
trctl_complete_for() { # WORDS...: what is offered for the last of them
    bash -c '. "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _trctl && printf "%s\n" "${COMPREPLY[@]}"' \
        "$root/deploy/packages/tools/trctl.bash" "$programs/trctl" "$@" | sort | paste -sd ' '
}
say completion_of_trctl_words "$([ "$(trctl_complete_for keys sh)" = "show" ] || trctl_complete_for keys sh)"
say completion_of_trctl_options "$([ "$(trctl_complete_for keys create --limit-)" = "--limit-reset" ] || trctl_complete_for keys create --limit-)"
say completion_of_trctl_values "$([ "$(trctl_complete_for keys create --limit-reset d)" = "daily" ] || trctl_complete_for keys create --limit-reset d)"
complete_for() { # WORDS...: what is offered for the last of them
    bash -c '. "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _tr_verify && printf "%s\n" "${COMPREPLY[@]}"' \
        "$root/deploy/packages/tools/tr-verify.bash" "$programs/tr-verify" "$@" | sort | paste -sd ' '
}
say completion_of_commands "$([ "$(complete_for re)" = "receipt release report" ] || complete_for re)"
say completion_of_options "$([ "$(complete_for receipt --re)" = "--request --response" ] || complete_for receipt --re)"
exit $bad
