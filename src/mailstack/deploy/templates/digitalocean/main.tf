@{notice}
#
# A cluster of one node on DigitalOcean, with a static address and the mail ports open.

terraform {
  required_version = ">= 1.5"

  required_providers {
    digitalocean = {
      source  = "digitalocean/digitalocean"
      version = "~> 2.40"
    }
  }
}

data "digitalocean_kubernetes_versions" "known" {}

resource "digitalocean_kubernetes_cluster" "mail" {
  name    = "@{name}"
  region  = "@{region}"
  version = data.digitalocean_kubernetes_versions.known.latest_version

  # Its network (Cilium) enforces the NetworkPolicies.
  node_pool {
    name       = "@{name}"
    size       = "s-1vcpu-2gb"
    node_count = 1
    tags       = ["@{name}"]
  }
}

resource "digitalocean_reserved_ip" "mail" {
  region     = "@{region}"
  droplet_id = digitalocean_kubernetes_cluster.mail.node_pool[0].nodes[0].droplet_id
}

resource "digitalocean_firewall" "mail" {
  name = "@{name}-mail"
  tags = ["@{name}"]

  @{inbound_rules}
}

output "address" {
  value = digitalocean_reserved_ip.mail.ip_address
}
