locals {
  entries = yamldecode(file("${path.module}/actions.yaml"))

  # IAM's names of the file's actions, and the ARNs that its placeholders stand for.
  rights = {
    for name, entry in local.entries : name => {
      sid     = join("", [for word in split("-", name) : title(word)])
      group   = entry.group
      tagged  = try(entry.tagged, false)
      tagging = try(entry.tagging, false)
      arns = [
        for arn in entry.arns : replace(replace(replace(replace(replace(
          arn, "{p}", local.partition), "{r}", local.region), "{a}", local.account), "{n}", var.name), "{d}", replace(var.name, "-", "_")
        )
      ]
      read      = [for action in try(entry.read, []) : "${try(entry.service, name)}:${action}"]
      write     = [for action in try(entry.write, []) : "${try(entry.service, name)}:${action}"]
      read_any  = [for action in try(entry.read_any, []) : "${try(entry.service, name)}:${action}"]
      write_any = [for action in try(entry.write_any, []) : "${try(entry.service, name)}:${action}"]
    }
  }

  groups = toset([for right in local.rights : right.group])
  written = {
    for pair in setproduct(["read", "write"], local.groups) : "${pair[0]}-${pair[1]}" => {
      kind   = pair[0]
      rights = { for name, right in local.rights : name => right if right.group == pair[1] && length(right[pair[0]]) > 0 }
      any    = sort(flatten([for right in local.rights : right["${pair[0]}_any"] if right.group == pair[1]]))
    }
  }
  policies = { for name, policy in local.written : name => policy if length(policy.rights) + length(policy.any) > 0 }
}

data "aws_iam_policy_document" "terraform" {
  #checkov:skip=CKV_AWS_108:Roles of the environment's own modules are read and made; the deploy role is behind reviewers.
  #checkov:skip=CKV_AWS_109:The deploy role makes the modules' roles, none other than <name>-…, and never its own.
  #checkov:skip=CKV_AWS_110:The deploy role makes the modules' roles, none other than <name>-…, and never its own.
  #checkov:skip=CKV_AWS_111:Actions without a resource are those for which AWS knows none (read_any, write_any).
  #checkov:skip=CKV_AWS_356:Actions without a resource are those for which AWS knows none (read_any, write_any).
  for_each = local.policies

  dynamic "statement" {
    for_each = each.value.rights

    content {
      sid       = "${title(each.value.kind)}${statement.value.sid}"
      actions   = statement.value[each.value.kind]
      resources = statement.value.arns

      dynamic "condition" {
        for_each = each.value.kind == "write" && statement.value.tagged ? [1] : []

        content {
          test     = "StringEquals"
          variable = "aws:ResourceTag/Environment"
          values   = [var.environment]
        }
      }

      dynamic "condition" {
        for_each = statement.value.tagging ? [1] : []

        content {
          test     = "StringEquals"
          variable = "aws:RequestTag/Environment"
          values   = [var.environment]
        }
      }
    }
  }

  dynamic "statement" {
    for_each = length(each.value.any) > 0 ? [each.value.any] : []

    content {
      sid       = "${title(each.value.kind)}WhatHasNoName"
      actions   = statement.value
      resources = ["*"] # AWS knows no resource for these (actions.yaml: read_any, write_any).
    }
  }
}

resource "aws_iam_policy" "terraform" {
  for_each = local.policies

  name        = "${var.name}-ci-${each.key}"
  description = "What Terraform ${each.value.kind == "read" ? "reads" : "changes"} in ${var.name}"
  policy      = data.aws_iam_policy_document.terraform[each.key].json
}

resource "aws_iam_role_policy_attachment" "terraform" {
  for_each = merge(
    { for name, policy in local.policies : "plan-${name}" => { role = "plan", policy = name } if policy.kind == "read" },
    { for name, policy in local.policies : "deploy-${name}" => { role = "deploy", policy = name } },
  )

  role       = aws_iam_role.this[each.value.role].name
  policy_arn = aws_iam_policy.terraform[each.value.policy].arn
}
