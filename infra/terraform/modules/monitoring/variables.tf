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
  description = "The environment's KMS key: topics, logs."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

variable "alert_emails" {
  type = object({
    critical = optional(set(string), [])
    warning  = optional(set(string), [])
  })
  description = "Who is written to, by severity. Each must confirm the subscription once."

  validation {
    condition     = alltrue([for address in setunion(var.alert_emails.critical, var.alert_emails.warning) : can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", address))])
    error_message = "alert_emails has something that is no e-mail address."
  }
}

variable "log_groups" {
  type        = object({ run = string, worker = string })
  description = "Log groups that are searched for errors: of flow runs and of the worker."

  validation {
    condition     = alltrue([for name in values(var.log_groups) : can(regex("^[A-Za-z0-9_./#-]{1,512}$", name))])
    error_message = "log_groups has something that is no name of a log group."
  }
}

variable "queues" {
  type = object({
    observer     = string
    dead_letters = list(string)
  })
  description = "Names of the observer's queue and of all dead-letter queues."

  validation {
    condition     = length(var.queues.dead_letters) > 0 && length(var.queues.dead_letters) <= 10
    error_message = "queues needs 1 to 10 dead-letter queues: an alarm has at most 10 metrics."
  }
}

variable "event_rules" {
  type        = list(string)
  description = "Names of the EventBridge rules whose events must arrive."

  validation {
    condition     = length(var.event_rules) > 0 && length(var.event_rules) <= 10
    error_message = "event_rules needs 1 to 10 rules: an alarm has at most 10 metrics."
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

variable "office_hours" {
  type        = bool
  description = "Whether the cluster is paused at night: then it tells no health, and that is none of an alarm."
}

variable "state_machine_arn" {
  type        = string
  description = "ARN of the landing's state machine."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:states:", var.state_machine_arn))
    error_message = "state_machine_arn is the ARN of a state machine."
  }
}

variable "function_names" {
  type        = map(string)
  description = "Names of the landing's functions, by what they do."

  validation {
    condition     = length(var.function_names) > 0 && length(var.function_names) <= 10
    error_message = "function_names needs 1 to 10 functions: an alarm has at most 10 metrics."
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

variable "ecs_cluster_name" {
  type        = string
  description = "Name of the ECS cluster."

  validation {
    condition     = length(var.ecs_cluster_name) > 0
    error_message = "ecs_cluster_name is empty."
  }
}

variable "worker_service_name" {
  type        = string
  description = "Name of the worker's ECS service."

  validation {
    condition     = length(var.worker_service_name) > 0
    error_message = "worker_service_name is empty."
  }
}

variable "log_retention_days" {
  type        = number
  default     = 30
  description = "Days that the log of Glue's failures is kept."

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days is one of CloudWatch's: 7, 14, 30, 60, 90, 180, 365, 400, 545 or 731."
  }
}

variable "thresholds" {
  type = object({
    quarantine_percent    = optional(number, 5)
    freshness_hours       = optional(number, 25)
    quality_percent       = optional(number, 95)
    hours_without_a_run   = optional(number, 26)
    run_hours             = optional(number, 3)
    redshift_cpu_percent  = optional(number, 90)
    redshift_disk_percent = optional(number, 80)
    redshift_connections  = optional(number, 400)
    queue_age_minutes     = optional(number, 15)
  })
  default     = {}
  description = "From where on something is told."

  validation {
    condition = alltrue([for percent in [
      var.thresholds.quarantine_percent, var.thresholds.quality_percent,
      var.thresholds.redshift_cpu_percent, var.thresholds.redshift_disk_percent,
    ] : percent > 0 && percent <= 100])
    error_message = "thresholds: a percentage is above 0, and 100 at most."
  }

  validation {
    # CloudWatch looks back a week at most.
    condition     = var.thresholds.hours_without_a_run >= 24 && var.thresholds.hours_without_a_run <= 168
    error_message = "thresholds: hours_without_a_run is 24 to 168."
  }

  validation {
    condition = alltrue([for number in [
      var.thresholds.freshness_hours, var.thresholds.run_hours, var.thresholds.redshift_connections, var.thresholds.queue_age_minutes,
    ] : number > 0])
    error_message = "thresholds are above 0."
  }
}
