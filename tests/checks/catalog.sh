#!/bin/bash
# The seed catalog that we ship is what catalog/make makes of its tables, the same bytes each time; a change of a price is
# one line; every provider in it has a row; what is wrong in a table is named. Each has a twin that must fail.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/checks/say.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
make="$root/catalog/make"
seed=$root/deploy/catalog/catalog.conf
examples=$root/deploy/examples/providers.conf

fresh() { rm -rf "$tmp/t" && mkdir "$tmp/t" && cp "$root"/catalog/*.csv "$tmp/t/"; }
says() { # WORDS, of what make says of the tables in $tmp/t
    "$make" --tables "$tmp/t" >"$tmp/out" 2>"$tmp/err" && echo "it was taken" && return
    grep -qF -- "$1" "$tmp/err" || cat "$tmp/err"
}

"$make" >"$tmp/once" 2>&1
"$make" >"$tmp/twice" 2>&1
say catalog_seed_is_made_of_its_tables "$(cmp "$tmp/once" "$seed" 2>&1)"
say catalog_seed_is_the_same_twice "$(cmp "$tmp/once" "$tmp/twice" 2>&1)"
say catalog_seed_names_measured_providers "$("$make" --providers "$examples" 2>&1 >/dev/null)"
sed 's/^\[provider groq\]/[provider other]/' "$examples" >"$tmp/providers.conf"
say catalog_seed_twin_names_a_strange_one "$("$make" --providers "$tmp/providers.conf" 2>&1 >/dev/null |
    grep -q '^make: groq is not in providers.conf' || echo "it was not named")"
models=$(grep -c '^\[model ' "$seed") endpoints=$(grep -c '^\[endpoint ' "$seed")
say catalog_seed_is_large "$([ "$models" -ge 300 ] && [ "$endpoints" -ge 1000 ] || echo "$models models, $endpoints endpoints")"
say catalog_seed_is_dated "$([ "$(grep -cE '^source = .* 20[0-9]{2}-[0-9]{2}-[0-9]{2}$' "$seed")" -ge 1000 ] ||
    echo "fewer than 1000 endpoints say of which day their prices are")"

# One line of the tables is one line of the catalog.
fresh
sed -i '/^x-ai\/grok-4.7,xai,/s/,grok-4.7,,2,6,/,grok-4.7,,2.5,6,/' "$tmp/t/endpoints.csv"
"$make" --tables "$tmp/t" >"$tmp/out" 2>&1
change=$(diff "$seed" "$tmp/out" | grep '^[<>]' | tr '\n' ' ')
say catalog_price_is_one_line "$([ "$change" = "< prompt = 2 > prompt = 2.5 " ] || echo "changed: $change")"

fresh; sed -i '2{h;d};3{G}' "$tmp/t/models.csv"
say catalog_tables_are_sorted "$(says 'models.csv:3: the rows are not sorted')"
fresh; sed -i '2s/$/,more/' "$tmp/t/aliases.csv"
say catalog_tables_have_their_columns "$(says 'aliases.csv:2: has 6 columns instead of 5')"
fresh; sed -i '1s/listed/shown/' "$tmp/t/aliases.csv"
say catalog_tables_have_their_names "$(says 'aliases.csv:1: the columns are')"
fresh; sed -i '$s/z-ai/z-ay/g' "$tmp/t/aliases.csv"
say catalog_aliases_name_models "$(says 'which is no model')"
fresh; sed -i '2s/deepseek-v4-pro/deepseek-v0/' "$tmp/t/synths.csv"
say catalog_synths_name_models "$(says 'names deepseek/deepseek-v0 in panel, which is no model that chats')"
fresh; sed -i 's/^trustedrouter\/zeus-1.0,.*deepseek-v4-pro,/&trustedrouter\/iris /' "$tmp/t/synths.csv"
say catalog_synths_name_no_synths "$(says 'names trustedrouter/iris in judges')"
fresh; sed -i '2s/,minimax.minimax-m3 [^,]*,/,,/' "$tmp/t/synths.csv"
say catalog_synths_have_a_panel "$(says 'trustedrouter/iris-1.0 has no or more than 8 panel')"
# The names, presets and members that the published page has (facts 2.2 where it is silent).
want="trustedrouter/iris-1.0 budget no minimax/minimax-m3 moonshotai/kimi-k2.6 deepseek/deepseek-v4-pro
trustedrouter/iris-code-1.0 budget on minimax/minimax-m3 moonshotai/kimi-k2.7-code deepseek/deepseek-v4-pro
trustedrouter/prometheus-1.0 quality no minimax/minimax-m3 ~kimi/latest ~zai/glm-latest google/gemma-4-31b-it deepseek/deepseek-v4-pro
trustedrouter/prometheus-code-1.0 quality on minimax/minimax-m3 moonshotai/kimi-k2.7-code ~zai/glm-latest google/gemma-4-31b-it deepseek/deepseek-v4-pro
trustedrouter/synth none no minimax/minimax-m3 ~kimi/latest ~zai/glm-latest google/gemma-4-31b-it deepseek/deepseek-v4-pro
trustedrouter/synth-code none on minimax/minimax-m3 moonshotai/kimi-k2.7-code ~zai/glm-latest google/gemma-4-31b-it deepseek/deepseek-v4-pro"
got=$(awk 'function out() { if (id != "" && id !~ /zeus/) print id, preset, code, panel; id = "" }
    /^\[/ { out() }
    /^\[synth / { id = substr($2, 1, length($2) - 1); preset = "none"; code = "no" }
    id != "" && /^preset = / { preset = $3 } id != "" && /^code = / { code = $3 }
    id != "" && /^panel = / { sub(/^panel = /, ""); panel = $0 } END { out() }' "$seed")
say catalog_synths_are_the_published_ones "$([ "$got" = "$want" ] || echo "they are: $got")"
say catalog_synths_have_judges_and_finals "$([ "$(grep -c '^judges = moonshotai/kimi-k2.7-code minimax/minimax-m3$' "$seed")" = 8 ] &&
    [ "$(grep -c '^finals = z-ai/glm-5.2 minimax/minimax-m3$' "$seed")" = 8 ] || echo "some have others")"
say catalog_synths_have_unversioned_names "$(for n in iris prometheus zeus; do for c in "" -code; do
    grep -A1 "^\[alias trustedrouter/$n$c\]$" "$seed" | grep -q "^models = trustedrouter/$n$c-1.0$" || echo "$n$c has none"
done; done)"
fresh; sed -i 2p "$tmp/t/endpoints.csv"
say catalog_endpoints_are_there_once "$(says 'is there twice')"
exit $bad
