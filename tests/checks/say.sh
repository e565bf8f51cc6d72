# One result of a check, for those that source this: ok without a problem, not ok with it; bad is the exit
# status then.
bad=0
say() { # NAME PROBLEM
    if [ -z "$2" ]; then
        echo "ok $1"
    else
        echo "# ${2//$'\n'/$'\n# '}"
        echo "not ok $1"
        bad=1
    fi
}
