#!/bin/bash
# Shapes that OpenRouter's document and ours share are the same, but for what docs/migrate-from-openrouter.md lists with a reason
# (openrouter.py says what is compared). Then proves that it bites: a type, a required member, a null and a row too many.
# The other document is read where it is (../shared/specs, TR_SPECS), and its shapes in tests/fixtures/openrouter elsewhere.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/checks/say.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
page=docs/migrate-from-openrouter.md
shapes=tests/fixtures/openrouter/shapes.json
tool() { python3 -B tests/checks/openrouter.py "$@"; }

for plane in control data; do
    python3 -B proto/openapi/join.py $plane >"$tmp/$plane.json" || exit 1
done
specs=${TR_SPECS:-../shared/specs}
if [ -f "$specs/openrouter_core.openapi.json" ]; then
    say openrouter_fixture_is_its_document "$(tool reduce "$specs/openrouter_core.openapi.json" | diff - "$shapes" | head -n 5)"
else
    echo "skip openrouter_fixture_is_its_document: no $specs"
fi
say openrouter_differences_are_listed "$(tool judge "$shapes" "$page" "$tmp/control.json" "$tmp/data.json")"
say openrouter_compares_operations "$([ "$(grep -c '^"' "$shapes")" -gt 20 ] || echo "too few")"

twin() { # NAME SED WORDS: our document, edited so, is found wrong in these words
    sed "$2" "$tmp/control.json" >"$tmp/wrong.json"
    say "$1" "$(tool judge "$shapes" "$page" "$tmp/wrong.json" "$tmp/data.json" | grep -F -- "$3" >"$tmp/hit" || echo "it was not found")"
}
twin openrouter_twin_of_another_type 's/"total_usage":{"type":"number"/"total_usage":{"type":"string"/g' 'GET /credits: data.total_usage is type'
twin openrouter_twin_that_may_be_null 's/"total_usage":{"type":"number"/"total_usage":{"type":["number","null"]/g' 'GET /credits: data.total_usage is null'
twin openrouter_twin_that_is_optional 's/"required":\["total_credits","total_usage"/"required":["total_credits"/' 'GET /credits: data.total_usage is optional'
twin openrouter_twin_without_a_member 's/"total_usage":/"total_uses":/g' 'GET /credits: data.total_usage is absent'
{
    cat "$page"
    echo '| `GET /credits` | `data.nothing` | more | it is not so |'
} >"$tmp/page"
say openrouter_twin_of_the_page "$(tool judge "$shapes" "$tmp/page" "$tmp/control.json" "$tmp/data.json" | grep "GET /credits data.nothing more" >"$tmp/hit" || echo "it was not found")"
exit $bad
