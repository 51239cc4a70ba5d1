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

variable "replica" {
  type        = bool
  description = "Whether raw, clean, curated and quarantine are replicated to the region of the provider aws.replica."
  default     = false
}

variable "noncurrent_days" {
  type        = number
  description = "Days in which an overwritten or deleted object can be brought back."
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && var.noncurrent_days <= 3650
    error_message = "noncurrent_days must be 1 to 3650."
  }
}

variable "infrequent_days" {
  type        = number
  description = "Days after which data of the lake moves to STANDARD_IA; S3 takes no less than 30."
  default     = 30

  validation {
    condition     = var.infrequent_days >= 30 && var.infrequent_days <= 3650
    error_message = "infrequent_days must be 30 to 3650."
  }
}

variable "glacier_days" {
  type        = number
  description = "Days after which deliveries move to GLACIER, and their copies below raw/ to GLACIER_IR."
  default     = 180

  validation {
    condition     = var.glacier_days >= 60 && var.glacier_days <= 3650
    error_message = "glacier_days must be 60 to 3650."
  }

  validation {
    condition     = var.glacier_days >= var.infrequent_days + 30
    error_message = "glacier_days must be at least 30 days after infrequent_days."
  }
}

variable "access_log_days" {
  type        = number
  description = "Days that S3's access logs are kept."
  default     = 365

  validation {
    condition     = var.access_log_days >= 30 && var.access_log_days <= 3650
    error_message = "access_log_days must be 30 to 3650."
  }
}

variable "force_destroy" {
  type        = bool
  description = "Whether `terraform destroy` may remove buckets that hold objects; never in prod."
  default     = false

  validation {
    condition     = !(var.force_destroy && var.environment == "prod")
    error_message = "force_destroy must be false in prod."
  }
}
