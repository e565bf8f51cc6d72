#!/bin/bash
# catalog/import reads each form of a provider's list of models (tests/fixtures/models) and proposes rows: a price or a
# limit that differs, a model that another host already serves; what it does not know it names and leaves alone. A list
# that says the same proposes nothing. --apply writes a table that catalog/make takes.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/checks/say.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp "$root"/catalog/*.csv "$tmp/"

proposes() { # NAME PROVIDER FILE LINES of what is added, without the sign, and remarks
    "$root/catalog/import" "$2" --tables "$tmp" --from "$root/tests/fixtures/models/$3.json" --date 2026-11-30 2>&1 |
        grep -e '^+[^+]' -e '^# not in' | sed 's/^+//' >"$tmp/got"
    cat >"$tmp/want"
    say "catalog_import_$1" "$(diff "$tmp/want" "$tmp/got")"
}
row() { # MODEL PROVIDER: its row in the tables
    grep "^$1,$2,," "$tmp/endpoints.csv" | head -n 1
}

# The tables say other figures than the lists: each case is one row before, and the row that is proposed.
sed -i '/^moonshotai\/kimi-k3,openrouter,,/s/.*/moonshotai\/kimi-k3,openrouter,,moonshotai\/kimi-k3,,1,16,0.1,,,,,,,,,,,,,,,,,,,,,was,2026-01-01/
/^anthropic\/claude-opus-4.5,anthropic,,/s/.*/anthropic\/claude-opus-4.5,anthropic,,claude-opus-4-5,,5,25,0.5,,,,,,,,,,,,,,,,,,,,"kept, with a comma",was,2026-01-01/
/^anthropic\/claude-sonnet-5.5,anthropic,,/s/.*/anthropic\/claude-sonnet-5.5,anthropic,,claude-sonnet-5-5,,2,10,,,,,,,,,,,,,,,,,,,,,,was,2026-01-01/
/^google\/gemini-3.8-flash,google-ai-studio,,/s/.*/google\/gemini-3.8-flash,google-ai-studio,,gemini-3.8-flash,,0.75,3.75,,,,,,,,,,,,,,,,,,,,,,was,2026-01-01/
/^moonshotai\/kimi-k3,deepinfra,,/s/.*/moonshotai\/kimi-k3,deepinfra,,moonshotai\/Kimi-K3,,1,2,,,,,,,,,,,,,,,,,,,,,,was,2026-01-01/
/^z-ai\/glm-5.3,together,,/s/.*/z-ai\/glm-5.3,together,,zai-org\/GLM-5.3,,1,2,,,,,,,,,,,,,,,,,,,,,,was,2026-01-01/
/^z-ai\/glm-5.3,novita,,/d
/^openai\/gpt-oss-120b,groq,,/s/.*/openai\/gpt-oss-120b,groq,,openai\/gpt-oss-120b,,0.15,0.6,,,,,,,,,,,,,,,,,,,,,,was,2026-01-01/' "$tmp/endpoints.csv"

proposes openrouter openrouter openrouter <<'WANT'
moonshotai/kimi-k3,openrouter,,moonshotai/kimi-k3,,3.1,15.5,0.31,,,,,,,,,,,,,,,,,,,2027-06-30,,openrouter list,2026-11-30
# not in the tables: nobody/knows: prompt 1 completion 2 context_length 1000
# not in the tables: openrouter/auto: context_length 2000000
WANT
proposes anthropic anthropic anthropic <<'WANT'
anthropic/claude-opus-4.5,anthropic,,claude-opus-4-5,,5,25,0.5,,,,,,,,,,,,,,,,,,,2027-01-31,"kept, with a comma",was,2026-01-01
anthropic/claude-sonnet-5.5,anthropic,,claude-sonnet-5-5,,2,10,,,,,,,,,,,,,,,,64000,,,,,,was,2026-01-01
WANT
proposes gemini google-ai-studio gemini <<'WANT'
google/gemini-3.8-flash,google-ai-studio,,gemini-3.8-flash,,0.75,3.75,,,,,,,,,,,,,,,,32768,,,,,,was,2026-01-01
# not in the tables: gemini-9-neon: context_length 10
WANT
proposes deepinfra deepinfra deepinfra <<'WANT'
moonshotai/kimi-k3,deepinfra,,moonshotai/Kimi-K3,,2.75,13.5,0.275,,,,,,,,,,,,,,,,,,,,,deepinfra list,2026-11-30
WANT
proposes together together together <<'WANT'
z-ai/glm-5.3,together,,zai-org/GLM-5.3,,1.35,4.3,,,,,,,,,,,,,,,,,,,,,,together list,2026-11-30
# not in the tables: free/model: the list says its name alone
WANT
proposes novita novita novita <<'WANT'
# not in the tables: zai-org/glm-5.3: prompt 1.35 completion 4.3 context_length 1048576 max_output 131072
WANT
proposes groq groq groq <<'WANT'
openai/gpt-oss-120b,groq,,openai/gpt-oss-120b,,0.15,0.6,,,,,,,,,,,,,,,,32768,,,,,,was,2026-01-01
WANT
"$root/catalog/import" openrouter --tables "$tmp" --from "$root/tests/fixtures/models/openrouter.json" --apply >/dev/null 2>&1
say catalog_import_applies "$(row moonshotai/kimi-k3 openrouter | grep -q ',3.1,15.5,' || row moonshotai/kimi-k3 openrouter)"
proposes the_same_is_nothing openrouter openrouter <<'WANT'
# not in the tables: nobody/knows: prompt 1 completion 2 context_length 1000
# not in the tables: openrouter/auto: context_length 2000000
WANT
say catalog_import_makes "$("$root/catalog/make" --tables "$tmp" 2>&1 >/dev/null)"
echo '{"data": 7}' >"$tmp/bad.json"
say catalog_import_refuses_what_is_no_list "$("$root/catalog/import" groq --from "$tmp/bad.json" 2>&1 |
    grep -qF 'the answer has no list of models' || echo "it was taken")"
exit $bad
