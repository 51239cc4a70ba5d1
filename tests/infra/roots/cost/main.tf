provider "aws" {
  region = "ap-south-1"
}

resource "aws_sns_topic" "this" {
  name = "warehouse-dev-alerts-warning"
}

module "cost" {
  source = "../../../../infra/terraform/modules/cost"

  name               = "warehouse-dev"
  environment        = "dev"
  monthly_budget_usd = 400
  alert_topic_arn    = aws_sns_topic.this.arn
  alert_emails       = ["data@example.org"]
  activate_tags      = true
}
