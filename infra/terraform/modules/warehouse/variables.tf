variable "name" {
  type        = string
  description = "Prefix of every resource's name: warehouse-<environment>."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}$", var.name))
    error_message = "name must be 3 to 24 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "environment" {
  type        = string
  description = "Environment: dev, staging or prod."

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "ARN of the environment's key, which encrypts all that this module makes."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}

variable "log_retention_days" {
  type        = number
  description = "Days that log events are kept; one of the numbers that CloudWatch knows."
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2557, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of CloudWatch's retentions, for example 30, 90 or 365."
  }
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets of the cluster, in two zones at least."

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name two subnets at least, so that the cluster can move to another zone."
  }
}

variable "security_group_id" {
  type        = string
  description = "Security group of the cluster; it lets the worker in."

  validation {
    condition     = startswith(var.security_group_id, "sg-")
    error_message = "security_group_id must be the id of a security group (sg-…)."
  }
}

variable "lake_buckets" {
  type        = map(object({ id = string, arn = string }))
  description = "Buckets of the lake: COPY reads clean and curated, UNLOAD writes below exports/ of artifacts."

  validation {
    condition     = alltrue([for layer in ["clean", "curated", "artifacts"] : contains(keys(var.lake_buckets), layer)])
    error_message = "lake_buckets must hold clean, curated and artifacts."
  }
}

variable "database" {
  type        = string
  description = "The database that is made with the cluster."
  default     = "warehouse"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database))
    error_message = "database must be lower-case letters, digits and underscores, beginning with a letter."
  }
}

variable "node_type" {
  type        = string
  description = "Kind of node: RA3, whose storage is apart from its computing."
  default     = "ra3.large"

  validation {
    condition     = contains(["ra3.large", "ra3.xlplus", "ra3.4xlarge", "ra3.16xlarge"], var.node_type)
    error_message = "node_type must be ra3.large, ra3.xlplus, ra3.4xlarge or ra3.16xlarge."
  }
}

variable "number_of_nodes" {
  type        = number
  description = "Nodes; one is a single-node cluster, which the larger kinds do not offer."
  default     = 1

  validation {
    condition     = var.number_of_nodes >= 1 && var.number_of_nodes <= 32
    error_message = "number_of_nodes must be 1 to 32."
  }

  validation {
    condition     = var.number_of_nodes > 1 || contains(["ra3.large", "ra3.xlplus"], var.node_type)
    error_message = "One node is offered for ra3.large and ra3.xlplus only."
  }
}

variable "snapshot_retention_days" {
  type        = number
  description = "Days that automated snapshots are kept, here and in the other region."
  default     = 7

  validation {
    condition     = var.snapshot_retention_days >= 1 && var.snapshot_retention_days <= 35
    error_message = "snapshot_retention_days must be 1 to 35."
  }
}

variable "snapshot_schedule" {
  type        = list(string)
  description = "When automated snapshots are taken: rate(…) or cron(…) in UTC. The recovery point rests on it."
  default     = ["rate(8 hours)"]

  validation {
    condition     = length(var.snapshot_schedule) > 0 && alltrue([for when in var.snapshot_schedule : can(regex("^(rate|cron)\\(.+\\)$", when))])
    error_message = "snapshot_schedule must be rate(…) or cron(…)."
  }
}

variable "snapshot_copy_region" {
  type        = string
  description = "Region that snapshots are copied to, that of the provider aws.replica; null: they are not copied."
  default     = null

  validation {
    condition     = var.snapshot_copy_region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.snapshot_copy_region))
    error_message = "snapshot_copy_region must be a region, for example ap-southeast-1, or null."
  }
}

variable "snapshot_copy_kms_key_arn" {
  type        = string
  description = "Key of that region, which encrypts the copies; null without copies."
  default     = null

  validation {
    condition     = (var.snapshot_copy_region == null) == (var.snapshot_copy_kms_key_arn == null)
    error_message = "snapshot_copy_kms_key_arn goes with snapshot_copy_region."
  }
}

variable "office_hours" {
  type        = bool
  description = "Whether the cluster is paused outside of office hours; never in prod."
  default     = false

  validation {
    condition     = !(var.office_hours && var.environment == "prod")
    error_message = "office_hours must be false in prod: the daily load runs at night."
  }
}

variable "resume_schedule" {
  type        = string
  description = "When the cluster resumes, with office_hours: cron in UTC."
  default     = "cron(30 2 ? * MON-FRI *)"

  validation {
    condition     = can(regex("^cron\\(.+\\)$", var.resume_schedule))
    error_message = "resume_schedule must be cron(…)."
  }
}

variable "pause_schedule" {
  type        = string
  description = "When the cluster pauses, with office_hours: cron in UTC. Every day, so that what was resumed by hand at a weekend pauses too."
  default     = "cron(30 14 ? * * *)"

  validation {
    condition     = can(regex("^cron\\(.+\\)$", var.pause_schedule))
    error_message = "pause_schedule must be cron(…)."
  }
}

variable "maintenance_window" {
  type        = string
  description = "Weekly half hour at least of AWS's own maintenance, in UTC; not while the daily load runs (02:30 in Kolkata is 21:00 UTC)."
  default     = "sun:10:00-sun:10:30"

  validation {
    condition     = can(regex("^[a-z]{3}:[0-9]{2}:[0-9]{2}-[a-z]{3}:[0-9]{2}:[0-9]{2}$", var.maintenance_window))
    error_message = "maintenance_window must be like sun:10:00-sun:10:30."
  }
}

variable "skip_final_snapshot" {
  type        = bool
  description = "Whether the cluster may be destroyed without a last snapshot; never in prod."
  default     = false

  validation {
    condition     = !(var.skip_final_snapshot && var.environment == "prod")
    error_message = "skip_final_snapshot must be false in prod."
  }
}
