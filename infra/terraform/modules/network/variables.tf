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

variable "cidr" {
  type        = string
  description = "Addresses of the VPC, an IPv4 block of /16 to /20."
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.cidr)) && can(regex("/(1[6-9]|20)$", var.cidr))
    error_message = "cidr must be an IPv4 block between /16 and /20, for example 10.20.0.0/16."
  }
}

variable "az_count" {
  type        = number
  description = "Availability zones to use: a and b of the region, or a, b and c."
  default     = 3

  validation {
    condition     = var.az_count >= 2 && var.az_count <= 3
    error_message = "az_count must be 2 or 3."
  }
}

variable "nat" {
  type        = string
  description = "Way out of the private subnets: none, single (one gateway for all zones) or per_az."
  default     = "single"

  validation {
    condition     = contains(["none", "single", "per_az"], var.nat)
    error_message = "nat must be none, single or per_az."
  }
}

variable "interface_endpoints" {
  type        = set(string)
  nullable    = false
  description = "AWS services that are reached inside the VPC. An endpoint costs money in each zone; what is left out goes through NAT."
  default = [
    "ecr.api", "ecr.dkr", "ecs", "glue", "kms", "logs", "monitoring", "redshift", "secretsmanager", "sns", "sqs", "states", "sts",
  ]

  validation {
    condition     = length(setsubtract(var.interface_endpoints, keys(local.endpoint_actions))) == 0
    error_message = "interface_endpoints must be among ${join(", ", keys(local.endpoint_actions))}: endpoints.tf says what may pass each."
  }

  validation {
    condition     = var.nat != "none" || length(setsubtract(["ecr.api", "ecr.dkr", "ecs", "glue", "kms", "logs", "redshift", "secretsmanager", "sns", "sqs", "sts"], var.interface_endpoints)) == 0
    error_message = "Without NAT the pipeline needs the endpoints ecr.api, ecr.dkr, ecs, glue, kms, logs, redshift, secretsmanager, sns, sqs and sts."
  }
}

variable "https_cidrs" {
  type        = set(string)
  description = "Where worker and landing may go by HTTPS beyond the VPC's endpoints: Prefect's API above all."
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for cidr in var.https_cidrs : can(cidrnetmask(cidr))])
    error_message = "https_cidrs must be IPv4 blocks."
  }
}

variable "flow_log_retention_days" {
  type        = number
  description = "Days that flow logs are kept; one of the numbers that CloudWatch knows."
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2557, 3653], var.flow_log_retention_days)
    error_message = "flow_log_retention_days must be one of CloudWatch's retentions, for example 30, 90 or 365."
  }
}
