#!/usr/bin/env bash
# One forecast in every form: the text in the log, Markdown in the job's summary, the rest as files that the outputs name.
# Ends with 0 also where a hazard was found (exit code 5 of Lockage), so that what follows can still show it.
set -euo pipefail

out="$RUNNER_TEMP/lockage-forecast"
mkdir -p "$out"

arguments=(--migrations "$MIGRATIONS")
option() { # NAME VALUE: given where the value is
    [ -z "$2" ] || arguments+=("$1" "$2")
}
option --format "${FORMAT:-}"
option --from "${FROM:-}"
option --to "${TO:-}"
option --transaction "${TRANSACTION:-}"
option --database "${DATABASE:-}"
option --survey "${SURVEY:-}"
option --server-major "${SERVER_MAJOR:-}"
option --statements "${STATEMENTS:-}"
option --fail-on "${FAIL_ON:-}"
while IFS= read -r value; do
    option --set "$value"
done <<<"${VALUES:-}"

code=0
"${LOCKAGE:-lockage}" forecast "${arguments[@]}" --output text --output "markdown=$out/forecast.md" \
    --output "sarif=$out/forecast.sarif" --output "html=$out/forecast.html" --output "json=$out/forecast.json" || code=$?
[ "$code" = 0 ] || [ "$code" = 5 ] || exit "$code"

cat "$out/forecast.md" >>"$GITHUB_STEP_SUMMARY"
{
    echo "markdown=$out/forecast.md"
    echo "sarif=$out/forecast.sarif"
    echo "html=$out/forecast.html"
    echo "json=$out/forecast.json"
    echo "exit-code=$code"
} >>"$GITHUB_OUTPUT"
