mock_provider "aws" {
  source = "../../testing/mocks"
}

variables {
  name              = "warehouse-dev"
  environment       = "dev"
  github_repository = "example/ecommerce-warehouse"
  repository_arn    = "arn:aws:ecr:ap-south-1:111122223333:repository/warehouse-dev"
  state_bucket      = "example-terraform-state"
}

run "who_may_be_a_role" {
  assert {
    condition     = aws_iam_openid_connect_provider.github[0].url == "https://token.actions.githubusercontent.com" && aws_iam_openid_connect_provider.github[0].client_id_list == toset(["sts.amazonaws.com"])
    error_message = "GitHub is known to the account."
  }

  assert {
    condition = {
      for purpose, trust in data.aws_iam_policy_document.trust :
      purpose => one([for condition in trust.statement[0].condition : join(" ", condition.values) if condition.test == "StringEquals" && endswith(condition.variable, ":sub")])
      } == {
      plan   = "repo:example/ecommerce-warehouse:environment:dev-plan"
      deploy = "repo:example/ecommerce-warehouse:environment:dev"
      image  = "repo:example/ecommerce-warehouse:environment:dev"
    }
    error_message = "A role is for one repository and one GitHub environment, said exactly: no wildcard."
  }

  assert {
    condition = alltrue([
      for trust in data.aws_iam_policy_document.trust :
      trust.statement[0].actions == toset(["sts:AssumeRoleWithWebIdentity"]) &&
      anytrue([for condition in trust.statement[0].condition : endswith(condition.variable, ":aud") && condition.values == tolist(["sts.amazonaws.com"])])
    ])
    error_message = "Tokens are for AWS."
  }

  assert {
    condition     = toset(keys(output.role_arns)) == toset(["plan", "deploy", "image"]) && aws_iam_role.this["plan"].name == "warehouse-dev-ci-plan"
    error_message = "Three roles."
  }
}

run "plan_only_reads" {
  assert {
    condition = alltrue([
      for attachment in aws_iam_role_policy_attachment.terraform :
      attachment.role == "warehouse-dev-ci-deploy" || attachment.role == "warehouse-dev-ci-plan"
    ]) && toset([for key in keys(aws_iam_role_policy_attachment.terraform) : key if startswith(key, "plan-")]) == toset(["plan-read-account", "plan-read-compute", "plan-read-data"])
    error_message = "The plan role has the policies that read, and no other."
  }

  assert {
    condition = alltrue(flatten([
      for name, policy in data.aws_iam_policy_document.terraform : [
        for statement in policy.statement : [
          for action in statement.actions : can(regex(":(Describe|Get|List|View)", action))
        ]
      ] if startswith(name, "read-")
    ]))
    error_message = "What reads, reads."
  }

  assert {
    condition = length(setintersection(
      flatten([for name, policy in data.aws_iam_policy_document.terraform : [for statement in policy.statement : tolist(statement.actions)] if startswith(name, "read-")]),
      ["s3:GetObject", "s3:GetObjectVersion", "secretsmanager:GetSecretValue", "kms:Decrypt", "logs:GetLogEvents", "logs:FilterLogEvents", "sqs:ReceiveMessage", "redshift:GetClusterCredentials", "redshift:GetClusterCredentialsWithIAM"]
    )) == 0
    error_message = "A plan reads no data, no log and no secret."
  }

  assert {
    condition = {
      for statement in data.aws_iam_policy_document.state["plan"].statement : statement.sid => statement.resources
      } == {
      FindState = toset(["arn:aws:s3:::example-terraform-state"])
      ReadState = toset(["arn:aws:s3:::example-terraform-state/dev/terraform.tfstate"])
      LockState = toset(["arn:aws:s3:::example-terraform-state/dev/terraform.tfstate.tflock"])
    }
    error_message = "A plan reads the environment's state, and locks it."
  }
}

run "plan_looks_at_the_package" {
  assert {
    condition = {
      for statement in data.aws_iam_policy_document.package.statement : statement.sid => statement.resources
      }["LookAtPackage"] == toset(["arn:aws:s3:::warehouse-dev-111122223333-artifacts/landing/*"]) && alltrue([
        for statement in data.aws_iam_policy_document.package.statement :
        statement.sid != "DecryptPackage" || toset([for condition in statement.condition : condition.variable]) == toset(["aws:ResourceTag/Environment", "kms:ViaService"])
    ])
    error_message = "Of objects a plan reads the landing package alone, and decrypts nothing but through S3."
  }
}

run "deploy_is_bounded" {
  assert {
    condition = alltrue(flatten([
      for policy in concat(values(data.aws_iam_policy_document.terraform), [data.aws_iam_policy_document.deliver, data.aws_iam_policy_document.push], values(data.aws_iam_policy_document.state)) :
      [for statement in policy.statement : [for action in statement.actions : !strcontains(action, "*")]]
    ]))
    error_message = "Every action is named."
  }

  assert {
    condition = alltrue(flatten([
      for name, policy in data.aws_iam_policy_document.terraform : [
        for statement in policy.statement : !contains(statement.resources, "*") || endswith(statement.sid, "WhatHasNoName")
      ]
    ]))
    error_message = "Everything is named but what AWS cannot name."
  }

  assert {
    condition = anytrue([
      for statement in data.aws_iam_policy_document.deliver.statement :
      statement.effect == "Deny" && contains(statement.actions, "iam:PutRolePolicy") && contains(statement.actions, "iam:UpdateAssumeRolePolicy") &&
      contains(statement.resources, "arn:aws:iam::111122223333:role/warehouse-dev-ci-*")
    ])
    error_message = "Who deploys cannot change who may deploy."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.deliver.statement :
      !contains(statement.actions, "iam:PassRole") || statement.effect == "Deny" || anytrue([for condition in statement.condition : condition.variable == "iam:PassedToService"])
    ])
    error_message = "Roles are passed to the services that they are for."
  }

  assert {
    condition = alltrue(flatten([
      for policy in data.aws_iam_policy_document.terraform : [
        for statement in policy.statement : [
          for resource in statement.resources : strcontains(resource, "warehouse-dev") if length(setintersection(statement.actions, ["iam:CreateRole", "iam:PutRolePolicy", "s3:DeleteBucket", "redshift:DeleteCluster", "ecs:UpdateService"])) > 0 && !strcontains(resource, "oidc-provider")
        ]
      ]
    ]))
    error_message = "Roles, buckets, the cluster and the service are those of this environment."
  }

  assert {
    condition = anytrue(flatten([
      for policy in data.aws_iam_policy_document.terraform : [
        for statement in policy.statement :
        contains(statement.actions, "ec2:DeleteVpc") && anytrue([for condition in statement.condition : condition.variable == "aws:ResourceTag/Environment" && condition.values == tolist(["dev"])])
      ]
    ]))
    error_message = "Networks of other environments are not removed."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.deliver.statement : statement.resources if statement.sid == "DeliverBundleAndPackage"]) == toset(["arn:aws:s3:::warehouse-dev-111122223333-artifacts/bundle/*", "arn:aws:s3:::warehouse-dev-111122223333-artifacts/landing/*"])
    error_message = "A deploy writes bundle and package, and no data."
  }
}

run "image" {
  assert {
    condition     = one([for statement in data.aws_iam_policy_document.push.statement : statement.resources if statement.sid == "PushImage"]) == toset([var.repository_arn]) && toset(keys(aws_iam_role_policy.push)) == toset(["deploy", "image"])
    error_message = "Images go to the one repository."
  }

  assert {
    condition     = !contains(keys(aws_iam_role_policy_attachment.terraform), "image-read-account") && !contains(keys(aws_iam_role_policy.state), "image")
    error_message = "Who pushes images neither plans nor applies."
  }
}

run "known_provider" {
  variables {
    create_oidc_provider = false
    state_key            = "warehouse/dev.tfstate"
    state_kms_key_arn    = "arn:aws:kms:ap-south-1:111122223333:key/22222222-0000-0000-0000-000000000000"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && output.oidc_provider_arn == "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    error_message = "GitHub is made known once per account."
  }

  assert {
    condition     = contains([for statement in data.aws_iam_policy_document.state["plan"].statement : statement.sid], "DecryptState") && contains(flatten([for statement in data.aws_iam_policy_document.state["plan"].statement : tolist(statement.resources)]), "arn:aws:s3:::example-terraform-state/warehouse/dev.tfstate")
    error_message = "The state lies where it is said, under the key that is said."
  }
}

run "wrong_repository_is_refused" {
  command = plan

  variables {
    github_repository = "example/*"
  }

  expect_failures = [var.github_repository]
}

run "wide_state_key_is_refused" {
  command = plan

  variables {
    state_key = "*"
  }

  expect_failures = [var.state_key]
}
