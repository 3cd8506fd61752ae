#!/usr/bin/env bash
@{notice}
#
# Makes a cluster of one node on DigitalOcean, with a static address and the mail ports open.
# Run it again after an error: what is there already is left alone.
set -euo pipefail

name=@{name}
region=@{region}

for tool in doctl kubectl; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool is not installed" >&2
    exit 1
  fi
done

# Its network (Cilium) enforces the NetworkPolicies.
if ! doctl kubernetes cluster get "$name" >/dev/null 2>&1; then
  doctl kubernetes cluster create "$name" --region "$region" --wait \
    --node-pool "name=$name;size=s-1vcpu-2gb;count=1;tag=$name"
fi
doctl kubernetes cluster kubeconfig save "$name"

droplet=$(doctl compute droplet list --tag-name "$name" --format ID --no-header | head -n 1)

address=$(doctl compute reserved-ip list --format IP,DropletID --no-header |
  awk -v id="$droplet" '$2 == id { print $1; exit }')
if [ -z "$address" ]; then
  address=$(doctl compute reserved-ip create --droplet-id "$droplet" --format IP --no-header)
fi

if ! doctl compute firewall list --format Name --no-header | grep -qx "$name-mail"; then
  doctl compute firewall create --name "$name-mail" --tag-names "$name" \
    --inbound-rules "@{doctl_rules}"
fi

# A reserved address arrives at the node's anchor address.
inside=$(kubectl get nodes \
  -o 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')
cat <<END
The cluster is ready, and kubectl uses it.

  DNS:                @{hostname}  A  $address
  In mailstack.toml:  [kubernetes]
                      service = "ClusterIP"
                      external_addresses = ["$address", "$inside"]

The anchor address of the node, http://169.254.169.254/metadata/v1/interfaces/public/0/anchor_ipv4/address
seen from it, belongs to external_addresses too. DigitalOcean closes outgoing port 25 on new accounts:
set smtp.relayhost to a relay that listens on another one.
END
