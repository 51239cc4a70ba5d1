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

variable "cluster_arn" {
  type        = string
  description = "The Redshift cluster to back up."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:redshift:[a-z0-9-]+:[0-9]{12}:cluster:", var.cluster_arn))
    error_message = "cluster_arn must be the ARN of a Redshift cluster."
  }
}

variable "buckets" {
  type        = map(object({ id = string, arn = string }))
  description = "Buckets of the lake."

  validation {
    condition     = alltrue([for layer in var.layers : contains(keys(var.buckets), layer)])
    error_message = "buckets must hold each of layers."
  }
}

variable "layers" {
  type        = set(string)
  description = "Layers whose buckets are backed up."
  default     = ["raw", "clean", "curated", "quarantine"]

  validation {
    condition     = contains(var.layers, "raw")
    error_message = "layers must hold raw: all other layers can be made from it."
  }
}

variable "schedule" {
  type        = string
  description = "When the lake and the warehouse are backed up: cron in UTC, after the daily load."
  default     = "cron(0 1 * * ? *)"

  validation {
    condition     = can(regex("^cron\\(.+\\)$", var.schedule))
    error_message = "schedule must be cron(…)."
  }
}

variable "retention_days" {
  type        = number
  description = "Days that a backup is kept."
  default     = 35

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 3650
    error_message = "retention_days must be 1 to 3650."
  }
}

variable "copy_region" {
  type        = string
  description = "Region that backups of the lake are copied to, that of the provider aws.replica; null: they are not copied."
  default     = null

  validation {
    condition     = var.copy_region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.copy_region))
    error_message = "copy_region must be a region, for example ap-southeast-1, or null."
  }
}

variable "copy_kms_key_arn" {
  type        = string
  description = "Key of that region, which encrypts the copies; null without copies."
  default     = null

  validation {
    condition     = (var.copy_region == null) == (var.copy_kms_key_arn == null)
    error_message = "copy_kms_key_arn goes with copy_region."
  }
}

variable "lock_min_days" {
  type        = number
  description = "Days in which nobody, however much in charge, can remove a backup without lifting the vault's lock first; null: no lock."
  default     = null

  validation {
    condition     = var.lock_min_days == null || try(var.lock_min_days >= 1 && var.lock_min_days <= var.retention_days, false)
    error_message = "lock_min_days must be 1 to retention_days, or null: a backup that the lock does not allow fails."
  }
}

variable "drill_layers" {
  type        = set(string)
  description = "Layers that the restore drill restores each week, whole, to a bucket that is removed again; empty: no drill."
  default     = ["raw"]

  validation {
    condition     = length(setsubtract(var.drill_layers, var.layers)) == 0
    error_message = "drill_layers must be among layers."
  }
}

variable "drill_schedule" {
  type        = string
  description = "When the restore drill begins: cron in UTC, once a week."
  default     = "cron(0 6 ? * SUN *)"

  validation {
    condition     = can(regex("^cron\\(.+\\)$", var.drill_schedule))
    error_message = "drill_schedule must be cron(…)."
  }
}

variable "alert_topic_arn" {
  type        = string
  description = "SNS topic that is told of backups, copies and restores that failed; its policy lets events.amazonaws.com publish."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:", var.alert_topic_arn))
    error_message = "alert_topic_arn must be the ARN of an SNS topic."
  }
}
