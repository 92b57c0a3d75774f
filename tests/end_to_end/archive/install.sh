#!/usr/bin/env bash
# Puts the S3 server of the archive's tests into target/moto, once.
set -euo pipefail
place="${CARGO_TARGET_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/target}/moto"
[ -e "$place/complete" ] && exit
python3 -m venv "$place"
"$place/bin/pip" install --quiet 'moto[server]==5.2.5'
touch "$place/complete"
