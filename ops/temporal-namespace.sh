#!/bin/sh
# The namespace that Sluice works in: made when missing. TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE are read by the CLI.
set -eu
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 && exit 0
temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
