variable "environment" {
  type        = string
  description = "Name of the environment; every resource is named warehouse-<environment>-…"

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment is dev, staging or prod."
  }
}

variable "protected" {
  type        = bool
  description = "Whether destroy refuses what holds data: buckets, images, the cluster without a last snapshot."
}

variable "network" {
  type = object({
    cidr                = string
    availability_zones  = number
    nat                 = string
    interface_endpoints = optional(set(string))
  })
  description = "The VPC: addresses, zones, NAT gateways (none, single, per_az), services reached inside of it (default: all)."

  validation {
    condition     = can(cidrhost(var.network.cidr, 0)) && contains(["none", "single", "per_az"], var.network.nat)
    error_message = "network: cidr is a range of addresses, nat is none, single or per_az."
  }

  validation {
    condition     = var.network.availability_zones >= 2 && var.network.availability_zones <= 3
    error_message = "network: 2 or 3 availability zones."
  }
}

variable "lake" {
  type = object({
    noncurrent_days = number
    infrequent_days = number
    glacier_days    = number
  })
  description = "Days until an overwritten object is gone, and until a delivery moves to cheaper storage."

  validation {
    condition     = var.lake.noncurrent_days >= 1 && var.lake.infrequent_days >= 30 && var.lake.glacier_days >= var.lake.infrequent_days + 30
    error_message = "lake: infrequent_days is 30 at least, glacier_days 30 more."
  }
}

variable "warehouse" {
  type = object({
    node_type     = string
    nodes         = number
    snapshot_days = number
    office_hours  = bool
  })
  description = "Redshift: nodes, days that snapshots are kept, and whether it is paused outside of office hours."

  validation {
    condition     = can(regex("^ra3[.](large|xlplus|4xlarge|16xlarge)$", var.warehouse.node_type)) && var.warehouse.nodes >= 1
    error_message = "warehouse: node_type is an RA3 one, nodes is 1 at least."
  }

  validation {
    condition     = var.warehouse.snapshot_days >= 1 && var.warehouse.snapshot_days <= 35
    error_message = "warehouse: snapshot_days is 1 to 35, as Redshift has it."
  }
}

variable "glue" {
  type = object({
    worker_type = string
    workers     = number
  })
  description = "Glue: type and number of the workers of a lake transform."

  validation {
    condition     = var.glue.workers >= 2
    error_message = "glue: 2 workers at least, one of them drives."
  }
}

variable "flow_run" {
  type = object({
    cpu        = number
    memory_mib = number
    disk_gib   = number
  })
  description = "Fargate: what one flow run gets."

  validation {
    condition     = var.flow_run.cpu > 0 && var.flow_run.memory_mib > 0 && var.flow_run.disk_gib > 20
    error_message = "flow_run: cpu and memory_mib are above 0, disk_gib is 21 at least."
  }
}

variable "workers" {
  type        = number
  description = "Prefect workers; 0 until there is an image."

  validation {
    condition     = var.workers >= 0 && var.workers <= 4
    error_message = "workers is 0 to 4."
  }
}

variable "replication" {
  type        = bool
  description = "Whether buckets, snapshots and backups are copied to the other region."
}

variable "backup_days" {
  type        = number
  description = "Days that backups are kept."

  validation {
    condition     = var.backup_days >= 1
    error_message = "backup_days is 1 at least."
  }
}

variable "backup_lock_days" {
  type        = number
  default     = null
  description = "Days before which nobody can delete a backup; null: no lock."

  validation {
    condition     = var.backup_lock_days == null ? true : var.backup_lock_days >= 1
    error_message = "backup_lock_days is 1 at least."
  }
}

variable "log_days" {
  type        = number
  description = "Days that logs are kept."

  validation {
    condition     = var.log_days >= 1
    error_message = "log_days is 1 at least."
  }
}

variable "monthly_budget_usd" {
  type        = number
  description = "What the environment may cost a month."

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd is above 0."
  }
}

variable "thresholds" {
  type        = map(number)
  default     = {}
  description = "From where on something is told; names and defaults are those of module monitoring."

  validation {
    # An object of module monitoring takes unknown names without a word.
    condition = length(setsubtract(keys(var.thresholds), [
      "quarantine_percent", "freshness_hours", "quality_percent", "hours_without_a_run", "run_hours",
      "redshift_cpu_percent", "redshift_disk_percent", "redshift_connections", "queue_age_minutes",
    ])) == 0
    error_message = "thresholds has a name that no alarm knows."
  }
}

variable "alert_emails" {
  type = object({
    critical = optional(set(string), [])
    warning  = optional(set(string), [])
  })
  description = "Who is written to, by severity."

  validation {
    condition     = alltrue([for address in setunion(var.alert_emails.critical, var.alert_emails.warning) : strcontains(address, "@")])
    error_message = "alert_emails has something that is no e-mail address."
  }
}

variable "prefect_api_url" {
  type        = string
  description = "API of Prefect Cloud (with account and workspace) or of a Prefect server."

  validation {
    condition     = can(regex("^https?://[^ ]+/api(/.*)?$", var.prefect_api_url))
    error_message = "prefect_api_url is a URL such as https://api.prefect.cloud/api/accounts/…/workspaces/…"
  }
}

variable "image_tag" {
  type        = string
  description = "Tag of the image that worker and flow runs use."

  validation {
    condition     = length(var.image_tag) > 0
    error_message = "image_tag is empty."
  }
}

variable "contracts_dir" {
  type        = string
  description = "Folder of the contracts: tables of the catalog are read from it."

  validation {
    condition     = length(fileset(var.contracts_dir, "*/*.yaml")) > 0
    error_message = "contracts_dir holds no contract."
  }
}

variable "landing_package" {
  type        = string
  description = "The zip of the landing's functions, as `make landing` builds it."

  validation {
    condition     = length(var.landing_package) > 0
    error_message = "landing_package is empty."
  }
}

variable "github_repository" {
  type        = string
  description = "The repository whose workflows may plan and deploy: owner/name."

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9_.-]+$", var.github_repository))
    error_message = "github_repository is owner/name."
  }
}

variable "state_bucket" {
  type        = string
  description = "Bucket of Terraform's state, which workflows read and write."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket is the name of a bucket."
  }
}

variable "create_oidc_provider" {
  type        = bool
  description = "Whether GitHub's identity provider is made here: once per account."
}

variable "activate_cost_tags" {
  type        = bool
  description = "Whether cost allocation tags are switched on here: in one environment of the paying account."
}

variable "schedules" {
  type = object({
    daily          = string
    maintenance    = string
    quality_report = string
  })
  description = "When flows begin: cron, on the clock of Asia/Kolkata (prefect.yaml). While the cluster is paused they can only fail."

  validation {
    condition     = alltrue([for cron in values(var.schedules) : can(regex("^([0-9*/,-]+ ){4}[0-9*/,-]+$", cron))])
    error_message = "schedules: cron with five fields, for example 30 2 * * *."
  }
}
