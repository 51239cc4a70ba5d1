# The rest is in backend.hcl (backend.hcl.example): terraform init -backend-config=backend.hcl
terraform {
  # The modules need 1.9; that S3 itself locks the state came with 1.10.
  required_version = ">= 1.10"

  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
