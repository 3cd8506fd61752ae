@{notice}
#
# A cluster of one node on Google's cloud, with a static address and the mail ports open.

terraform {
  required_version = ">= 1.5"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
  }
}

variable "project" {
  type        = string
  default     = "@{name}"
  description = "The project in Google's cloud."
}

provider "google" {
  project = var.project
  region  = "@{region}"
  zone    = "@{zone}"
}

resource "google_compute_address" "mail" {
  name   = "@{name}"
  region = "@{region}"
}

resource "google_container_cluster" "mail" {
  name                     = "@{name}"
  location                 = "@{zone}"
  initial_node_count       = 1
  remove_default_node_pool = true
  deletion_protection      = false

  # It enforces the NetworkPolicies.
  datapath_provider = "ADVANCED_DATAPATH"

  ip_allocation_policy {}

  release_channel {
    channel = "REGULAR"
  }
}

resource "google_container_node_pool" "mail" {
  name       = "@{name}"
  cluster    = google_container_cluster.mail.id
  node_count = 1

  node_config {
    machine_type = "e2-small"
    disk_size_gb = 30
    tags         = ["@{name}"]
  }
}

resource "google_compute_firewall" "mail" {
  name          = "@{name}-mail"
  network       = "default"
  target_tags   = ["@{name}"]
  source_ranges = ["0.0.0.0/0"]

  allow {
    protocol = "tcp"
    ports    = [@{quoted_ports}]
  }
}

# The node gets the address by gcloud.sh, which may be run after this: no resource can change the
# address of a node that its pool has made.
output "address" {
  value = google_compute_address.mail.address
}
