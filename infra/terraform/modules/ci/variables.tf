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

variable "github_repository" {
  type        = string
  description = "The repository on GitHub whose workflows may be these roles: <owner>/<name>."

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be <owner>/<name>."
  }
}

variable "create_oidc_provider" {
  type        = bool
  description = "Whether GitHub is made known to the account here: true for one environment of each account, false where it is known."
  default     = true
}

variable "repository_arn" {
  type        = string
  description = "The ECR repository that images are pushed to."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecr:[a-z0-9-]+:[0-9]{12}:repository/", var.repository_arn))
    error_message = "repository_arn must be the ARN of an ECR repository."
  }
}

variable "state_bucket" {
  type        = string
  description = "Bucket of Terraform's state."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket must be the name of a bucket."
  }
}

variable "state_key" {
  type        = string
  description = "Key of the environment's state in that bucket; null: <environment>/terraform.tfstate."
  default     = null

  validation {
    condition     = var.state_key == null || can(regex("^[A-Za-z0-9._/-]+$", var.state_key))
    error_message = "state_key must be a key of S3, without wildcards, or null."
  }
}

variable "state_kms_key_arn" {
  type        = string
  description = "Key that encrypts the state; null where the bucket uses S3's own."
  default     = null

  validation {
    condition     = var.state_kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/", var.state_kms_key_arn))
    error_message = "state_kms_key_arn must be the ARN of a KMS key, or null."
  }
}

