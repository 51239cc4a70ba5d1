terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = "ap-south-1"

  default_tags {
    tags = { ManagedBy = "terraform" }
  }
}

provider "aws" {
  alias  = "replica"
  region = "ap-southeast-1"

  default_tags {
    tags = { ManagedBy = "terraform" }
  }
}

module "lake" {
  source = "../../../../infra/terraform/modules/lake"

  providers = {
    aws         = aws
    aws.replica = aws.replica
  }

  name          = "warehouse-test"
  environment   = "staging"
  replica       = true
  force_destroy = true
}
