# What is of one account; sizes stand in environment.yaml.

variable "region" {
  type        = string
  default     = "ap-south-1"
  description = "Region of the environment."

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "region is a region of AWS, for example ap-south-1."
  }
}

variable "replica_region" {
  type        = string
  default     = "ap-southeast-1"
  description = "Region of copies, where there are any."

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.replica_region)) && var.replica_region != var.region
    error_message = "replica_region is another region of AWS."
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
  description = "Tag of the image that worker and flow runs use; a deployment sets it (-var image_tag=…)."

  validation {
    condition     = length(var.image_tag) > 0 && var.image_tag != "latest"
    error_message = "image_tag is a tag that is never moved."
  }
}

variable "first_apply" {
  type        = bool
  default     = false
  description = "Whether there is no image yet: no worker is started."
}

variable "alert_emails" {
  type = object({
    critical = optional(set(string), [])
    warning  = optional(set(string), [])
  })
  description = "Who is written to, by severity. Each must confirm the subscription once."

  validation {
    condition     = length(var.alert_emails.critical) > 0
    error_message = "alert_emails.critical names nobody: a failure would be told to no one."
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
  description = "Bucket of Terraform's state, the one of backend.hcl: workflows may read and write it."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket is the name of a bucket."
  }
}

variable "create_oidc_provider" {
  type        = bool
  default     = true
  description = "Whether GitHub's identity provider is made here: once per account."
}

variable "activate_cost_tags" {
  type        = bool
  default     = false
  description = "Whether cost allocation tags are switched on here: in one environment of the paying account."
}

variable "landing_package" {
  type        = string
  default     = "../../../../build/landing.zip"
  description = "The zip of the landing's functions, as `make landing` builds it, from this folder."

  validation {
    condition     = length(var.landing_package) > 0
    error_message = "landing_package is empty."
  }
}
