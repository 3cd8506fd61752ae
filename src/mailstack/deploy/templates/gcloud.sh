#!/usr/bin/env bash
@{notice}
#
# Makes a cluster of one node on Google's cloud, with a static address and the mail ports open.
# Run it again after an error: what is there already is left alone.
set -euo pipefail

project="${PROJECT:-@{name}}"
name=@{name}
region=@{region}
zone=@{zone}

if ! command -v gcloud >/dev/null; then
  echo "gcloud is not installed; see https://cloud.google.com/sdk/docs/install" >&2
  exit 1
fi

g() { gcloud --project "$project" --quiet "$@"; }

# A policy engine (Dataplane V2) that enforces the NetworkPolicies. Public nodes, for the address.
if ! g container clusters describe "$name" --zone "$zone" >/dev/null 2>&1; then
  g container clusters create "$name" --zone "$zone" \
    --num-nodes 1 --machine-type e2-small --disk-size 30 \
    --enable-dataplane-v2 --enable-ip-alias --release-channel regular --tags "$name"
fi

if ! g compute addresses describe "$name" --region "$region" >/dev/null 2>&1; then
  g compute addresses create "$name" --region "$region"
fi
address=$(g compute addresses describe "$name" --region "$region" --format 'value(address)')

node=$(g compute instances list --filter "tags.items=$name AND zone:$zone" \
  --format 'value(name)' --limit 1)
current=$(g compute instances describe "$node" --zone "$zone" \
  --format 'value(networkInterfaces[0].accessConfigs[0].natIP)')
if [ "$current" != "$address" ]; then
  config=$(g compute instances describe "$node" --zone "$zone" \
    --format 'value(networkInterfaces[0].accessConfigs[0].name)')
  if [ -n "$config" ]; then
    g compute instances delete-access-config "$node" --zone "$zone" --access-config-name "$config"
  fi
  g compute instances add-access-config "$node" --zone "$zone" --address "$address"
fi

if ! g compute firewall-rules describe "$name-mail" >/dev/null 2>&1; then
  g compute firewall-rules create "$name-mail" --target-tags "$name" --allow @{tcp}
fi

g container clusters get-credentials "$name" --zone "$zone"

# What the node itself sees as its address: Google translates the public one to it.
inside=$(g compute instances describe "$node" --zone "$zone" \
  --format 'value(networkInterfaces[0].networkIP)')
cat <<END
The cluster is ready, and kubectl uses it.

  DNS:                @{hostname}  A  $address
  In mailstack.toml:  [kubernetes]
                      service = "ClusterIP"
                      external_addresses = ["$inside"]

Google closes outgoing port 25: set smtp.relayhost to a relay that listens on another one.
END
