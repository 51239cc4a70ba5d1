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
  description = "Name of the environment, told with each rejected file."

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment is dev, staging or prod."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "The environment's KMS key: deliveries, quarantine, logs, queue, topic, secret."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

variable "buckets" {
  type        = map(object({ id = string, arn = string }))
  description = "Buckets of the lake by layer, as module lake gives them. raw must keep versions and send its events to EventBridge."

  validation {
    condition     = length(setsubtract(["raw", "quarantine", "artifacts"], keys(var.buckets))) == 0
    error_message = "buckets needs raw, quarantine and artifacts."
  }
}

variable "package_path" {
  type        = string
  description = "The functions' package on this machine, as `make landing` makes it; it goes to the artifacts bucket."

  validation {
    condition     = fileexists(var.package_path)
    error_message = "package_path: no such file; `make landing` makes build/landing.zip."
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

variable "prefect_secret_arn" {
  type        = string
  description = "Secret whose text is the API key of Prefect."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:", var.prefect_secret_arn))
    error_message = "prefect_secret_arn is the ARN of a secret."
  }
}

variable "alert_topic_arn" {
  type        = string
  description = "SNS topic that is told of each rejected file."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:sns:", var.alert_topic_arn))
    error_message = "alert_topic_arn is the ARN of a topic."
  }
}

variable "deployment" {
  type        = string
  default     = "ingest/ingest"
  description = "Prefect deployment that loads one file, <flow>/<deployment>."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*$", var.deployment))
    error_message = "deployment is <flow>/<deployment>, for example ingest/ingest."
  }
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets of the functions, from which Prefect and AWS can be reached."

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids needs at least one subnet."
  }
}

variable "security_group_id" {
  type        = string
  description = "Security group of the functions; they open connections to port 443 only."

  validation {
    condition     = length(var.security_group_id) > 0
    error_message = "security_group_id is empty."
  }
}

variable "memory_mb" {
  type        = number
  default     = 3008
  description = "Memory of the function that checks a file, and with it its share of a CPU (1,769 MB are one)."

  validation {
    condition     = var.memory_mb >= 1024 && var.memory_mb <= 10240
    error_message = "memory_mb is 1024 to 10240: Polars and PyArrow alone need some 300."
  }
}

variable "most_bytes" {
  type        = number
  default     = 268435456
  description = "Files above this size are not checked here; the gate checks them when they are loaded."

  validation {
    condition     = var.most_bytes >= 1048576 && var.most_bytes <= 1073741824
    error_message = "most_bytes is 1 MiB to 1 GiB: unpacked a file must fit on the function's disk of 10 GB twice."
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
