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

variable "buckets" {
  type        = map(object({ id = string, arn = string }))
  description = "Buckets of the lake: the module uses raw, clean, curated and artifacts."

  validation {
    condition     = alltrue([for layer in ["raw", "clean", "curated", "artifacts"] : contains(keys(var.buckets), layer)])
    error_message = "buckets must hold raw, clean, curated and artifacts."
  }
}

variable "contracts_dir" {
  type        = string
  description = "Folder of the contracts, <layer>/<table>.yaml; the catalog's tables are read from it."

  validation {
    condition     = length(fileset(var.contracts_dir, "{raw,clean,curated}/*.yaml")) > 0
    error_message = "contracts_dir must hold contracts: raw/*.yaml, clean/*.yaml, curated/*.yaml."
  }
}

variable "subnet_id" {
  type        = string
  description = "Private subnet in which the job runs."

  validation {
    condition     = startswith(var.subnet_id, "subnet-")
    error_message = "subnet_id must be the id of a subnet (subnet-…)."
  }
}

variable "security_group_id" {
  type        = string
  description = "Security group of the job's workers."

  validation {
    condition     = startswith(var.security_group_id, "sg-")
    error_message = "security_group_id must be the id of a security group (sg-…)."
  }
}

variable "worker_type" {
  type        = string
  description = "Size of one worker: G.1X has 4 vCPU and 16 GB, each next one twice as much."
  default     = "G.1X"

  validation {
    condition     = contains(["G.1X", "G.2X", "G.4X", "G.8X"], var.worker_type)
    error_message = "worker_type must be G.1X, G.2X, G.4X or G.8X."
  }
}

variable "number_of_workers" {
  type        = number
  description = "Workers of one run at most, the driver's among them; Glue takes as many as the run can use."
  default     = 2

  validation {
    condition     = var.number_of_workers >= 2 && var.number_of_workers <= 100
    error_message = "number_of_workers must be 2 to 100."
  }
}

variable "timeout_minutes" {
  type        = number
  description = "Minutes that one run may take; as DW_GLUE_TIMEOUT."
  default     = 60

  validation {
    condition     = var.timeout_minutes >= 5 && var.timeout_minutes <= 480
    error_message = "timeout_minutes must be 5 to 480."
  }
}

variable "crawler_schedule" {
  type        = string
  description = "When the crawler adds the partitions of new deliveries: cron in UTC, after the daily load."
  default     = "cron(30 23 * * ? *)"

  validation {
    condition     = can(regex("^cron\\(.+\\)$", var.crawler_schedule))
    error_message = "crawler_schedule must be cron(…)."
  }
}

variable "first_delivery" {
  type        = string
  description = "Earliest delivery day that a query of the catalog looks for."
  default     = "2020-01-01"

  validation {
    condition     = can(formatdate("YYYY", "${var.first_delivery}T00:00:00Z"))
    error_message = "first_delivery must be a day, YYYY-MM-DD."
  }
}
