provider "aws" {
  region = "ap-south-1"
}

resource "aws_ecr_repository" "this" {
  name = "warehouse-dev"
}

resource "aws_s3_bucket" "state" {
  bucket = "warehouse-state"
}

module "ci" {
  source = "../../../../infra/terraform/modules/ci"

  name              = "warehouse-dev"
  environment       = "dev"
  github_repository = "example/ecommerce-warehouse"
  repository_arn    = aws_ecr_repository.this.arn
  state_bucket      = aws_s3_bucket.state.id
}
