#!/bin/bash
# deploy/monitoring: promtool takes the rules, each alert fires on figures that should fire it and on no others, and every
# figure that the rules and the dashboard name is one that the planes print. Each has a twin that must fail.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/checks/say.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp "$root"/deploy/monitoring/* "$tmp"
cd "$tmp" || exit 1

# Figures that FILE... name and that the code of neither plane has.
unknown() {
    python3 - "$root" "$@" <<'PY'
import pathlib, re, sys
root, files = pathlib.Path(sys.argv[1]), sys.argv[2:]
there = {"up"}
for path, prefix in (("dataplane/api/metrics.c", "tr_"), ("controlplane/api/health_text.c", "tr_control_")):
    text = (root / path).read_text()
    there |= set(re.findall(r"# TYPE (tr_[a-z_]+) ", text))
    there |= {prefix + n for n in re.findall(r'(?:\{|metric\((?:out|&body), )"([a-z_]+)",\s*"(?:gauge|counter)"', text)}
    for name in re.findall(r'append_histogram\(x, &body, "([a-z_]+)"', text):
        there |= {f"tr_{name}_{part}" for part in ("bucket", "sum", "count")}
there |= {"tr_" + n for n in re.findall(r'"(tokens_[a-z_]+_total)"', (root / "proto/usage_fields.h").read_text())}
for name in files:
    for figure in sorted(set(re.findall(r"\b(?:tr_[a-z_]+|up(?=\{))", pathlib.Path(name).read_text())) - there):
        print(f"{name}: {figure}")
PY
}
say monitoring_figures_are_printed "$(unknown alerts.yml grafana-dashboard.json)"
sed 's/tr_usage_backlog/tr_usage_backlogs/' grafana-dashboard.json >twin.json
say monitoring_twin_figure_is_found "$(unknown twin.json | grep -q tr_usage_backlogs || echo "it was not found")"
say monitoring_dashboard_is_json "$(python3 -m json.tool grafana-dashboard.json 2>&1 >/dev/null)"

# promtool alone, without the service that the package starts.
promtool=$(command -v promtool)
if [ -z "$promtool" ]; then
    kept=$root/build/tools/prometheus
    [ -x "$kept/usr/bin/promtool" ] || { mkdir -p deb && (cd deb && apt-get -q download prometheus >/dev/null 2>&1) &&
        mkdir -p "$kept" && dpkg-deb -x deb/prometheus_*.deb "$kept"; }
    promtool=$kept/usr/bin/promtool
fi
if [ ! -x "$promtool" ]; then
    echo "skip monitoring_rules: Debian's package prometheus cannot be had"
    exit $bad
fi
takes() { "$promtool" "$@" >out 2>&1 || cat out; }
say monitoring_rules_are_right "$(takes check rules alerts.yml)"
say monitoring_example_is_right "$(takes check config prometheus.yml)"
say monitoring_alerts_fire_and_do_not "$(takes test rules alerts.test.yml)"
alerts=$(grep -c -- '- alert:' alerts.yml) tried=$(grep -oE 'alertname: [A-Za-z]+' alerts.test.yml | sort | uniq -c | grep -c ' 2 ')
say monitoring_every_alert_is_tried_twice "$([ "$alerts" = "$tried" ] || echo "$alerts alerts, $tried tried")"
sed -i 's/tr_ready == 0/tr_ready == 1/' alerts.yml
say monitoring_twin_rule_fails "$([ -n "$(takes test rules alerts.test.yml)" ] || echo "it passed")"
exit $bad
