variable "name" {
  type        = string
  description = "Prefix of every resource, for example warehouse-dev."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name is 3 to 31 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "environment" {
  type        = string
  description = "Name of the environment: the dimension Environment of its metrics."

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment is dev, staging or prod."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "The environment's KMS key: images, logs, queues, the secret."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

variable "buckets" {
  type        = map(object({ id = string, arn = string }))
  description = "Buckets of the lake by layer, as module lake gives them."

  validation {
    condition     = length(setsubtract(["raw", "clean", "curated", "quarantine", "artifacts", "site"], keys(var.buckets))) == 0
    error_message = "buckets needs raw, clean, curated, quarantine, artifacts and site."
  }
}

variable "private_subnet_ids" {
  type        = list(string)
  description = "Subnets of the worker and of flow runs."

  validation {
    condition     = length(var.private_subnet_ids) > 0
    error_message = "private_subnet_ids needs at least one subnet."
  }
}

variable "worker_security_group_id" {
  type        = string
  description = "Security group of the worker and of flow runs."

  validation {
    condition     = length(var.worker_security_group_id) > 0
    error_message = "worker_security_group_id is empty."
  }
}

variable "cluster_arn" {
  type        = string
  description = "ARN of the Redshift cluster."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:redshift:", var.cluster_arn))
    error_message = "cluster_arn is the ARN of a Redshift cluster."
  }
}

variable "cluster_identifier" {
  type        = string
  description = "Name of the Redshift cluster."

  validation {
    condition     = length(var.cluster_identifier) > 0
    error_message = "cluster_identifier is empty."
  }
}

variable "database" {
  type        = string
  description = "Database of the warehouse."

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,63}$", var.database))
    error_message = "database is lower-case letters, digits and underscores, and begins with a letter."
  }
}

variable "copy_role_arn" {
  type        = string
  description = "Role that Redshift takes for COPY and UNLOAD; flow runs only name it."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::", var.copy_role_arn))
    error_message = "copy_role_arn is the ARN of a role."
  }
}

variable "glue_job_arn" {
  type        = string
  description = "ARN of the Glue job of the lake transforms."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:glue:", var.glue_job_arn))
    error_message = "glue_job_arn is the ARN of a Glue job."
  }
}

variable "glue_job_name" {
  type        = string
  description = "Name of the Glue job."

  validation {
    condition     = length(var.glue_job_name) > 0
    error_message = "glue_job_name is empty."
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

variable "alert_topic_arns" {
  type        = map(string)
  description = "SNS topics that flow runs tell their alerts to: critical and warning, whose names end so."

  validation {
    condition = toset(keys(var.alert_topic_arns)) == toset(["critical", "warning"]) && alltrue([
      for arn in values(var.alert_topic_arns) : can(regex("^arn:aws[a-z-]*:sns:", arn))
    ])
    error_message = "alert_topic_arns is two SNS topics, critical and warning."
  }
}

variable "image_tag" {
  type        = string
  description = "Tag of the image that worker and flow runs use. Tags are immutable: a new image is a new tag."

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "image_tag is a tag of the repository, and not latest: nobody could say what runs."
  }
}

variable "task_cpu" {
  type        = number
  description = "CPU units of a flow run (1024 are one vCPU)."

  validation {
    condition     = contains([1024, 2048, 4096, 8192, 16384], var.task_cpu)
    error_message = "task_cpu is one of Fargate's sizes: 1024, 2048, 4096, 8192 or 16384."
  }
}

variable "task_memory" {
  type        = number
  description = "Memory of a flow run in MiB; Fargate allows 2 to 8 times the CPU units."

  validation {
    condition     = var.task_memory >= 2 * var.task_cpu && var.task_memory <= 8 * var.task_cpu
    error_message = "task_memory is between 2 and 8 times task_cpu."
  }
}

variable "ephemeral_storage_gib" {
  type        = number
  description = "Disk of a flow run: room for the largest delivery, and for all that one run reads and writes."

  validation {
    condition     = var.ephemeral_storage_gib >= 21 && var.ephemeral_storage_gib <= 200
    error_message = "ephemeral_storage_gib is 21 to 200, as Fargate has it."
  }
}

variable "log_retention_days" {
  type        = number
  description = "Days that logs are kept."

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days is one of CloudWatch's: 7, 14, 30, 60, 90, 180, 365, 400, 545 or 731."
  }
}

variable "worker_count" {
  type        = number
  default     = 1
  description = "Workers that look for flow runs. 0 for the first apply, before there is an image."

  validation {
    condition     = var.worker_count >= 0 && var.worker_count <= 4 && floor(var.worker_count) == var.worker_count
    error_message = "worker_count is 0 to 4."
  }
}

variable "work_pool" {
  type        = string
  default     = "warehouse"
  description = "Prefect work pool that the worker serves."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.work_pool))
    error_message = "work_pool is lower-case letters, digits and hyphens."
  }
}

variable "force_destroy" {
  type        = bool
  default     = false
  description = "Whether destroy removes a repository that holds images, and the secret at once."

  validation {
    condition     = !(var.force_destroy && var.environment == "prod")
    error_message = "force_destroy is not for prod."
  }
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
