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

variable "monthly_budget_usd" {
  type        = number
  description = "What the environment may cost in a month, in US dollars."

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd must be more than 0."
  }
}

variable "alert_topic_arn" {
  type        = string
  description = "SNS topic that is told; its policy lets budgets.amazonaws.com and costalerts.amazonaws.com publish."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:", var.alert_topic_arn))
    error_message = "alert_topic_arn must be the ARN of an SNS topic."
  }
}

variable "alert_emails" {
  type        = list(string)
  description = "Addresses that are told by e-mail besides."
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))]) && length(var.alert_emails) <= 10
    error_message = "alert_emails must be e-mail addresses, ten at most."
  }
}

variable "actual_percents" {
  type        = set(number)
  description = "Parts of the budget, in percent, that are told when they are spent."
  default     = [50, 80, 100]

  validation {
    condition     = length(var.actual_percents) >= 1 && length(var.actual_percents) <= 4 && alltrue([for percent in var.actual_percents : percent > 0 && percent <= 1000])
    error_message = "actual_percents must be one to four percentages."
  }
}

variable "forecast_percents" {
  type        = set(number)
  description = "Parts of the budget, in percent, that are told when the month is forecast to reach them. AWS takes five thresholds in all."
  default     = [100]

  validation {
    condition     = length(var.forecast_percents) <= 5 - length(var.actual_percents) && alltrue([for percent in var.forecast_percents : percent > 0 && percent <= 1000])
    error_message = "actual_percents and forecast_percents must be five percentages at most, together."
  }
}

variable "anomaly_usd" {
  type        = number
  description = "Dollars that spending must be out of the usual by before it is told as an anomaly."
  default     = 20

  validation {
    condition     = var.anomaly_usd >= 1
    error_message = "anomaly_usd must be 1 at least."
  }
}

variable "activate_tags" {
  type        = bool
  description = "Whether the tags Project and Environment are made cost allocation tags: once per organisation, by its paying account, a day after the first resource bears them. Without them budget and monitor see nothing."
  default     = false
}
