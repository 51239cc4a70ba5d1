mock_provider "aws" {
  source = "../../testing/mocks"
}

variables {
  name              = "warehouse-dev"
  environment       = "dev"
  kms_key_arn       = "arn:aws:kms:ap-south-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  contracts_dir     = "../../../../contracts"
  subnet_id         = "subnet-a"
  security_group_id = "sg-glue"
  buckets = {
    for layer in ["raw", "clean", "curated", "quarantine", "artifacts", "site", "logs"] :
    layer => { id = "warehouse-dev-111122223333-${layer}", arn = "arn:aws:s3:::warehouse-dev-111122223333-${layer}" }
  }
}

run "catalog" {
  assert {
    condition = toset(keys(aws_glue_catalog_table.this)) == toset([
      for path in fileset("../../../../contracts", "{raw,clean,curated}/*.yaml") : replace(trimsuffix(path, ".yaml"), "/", "_")
    ])
    error_message = "The catalog has a table for each contract of raw, clean and curated, and no other."
  }

  assert {
    condition     = length(setsubtract(["raw_orders", "raw_web_events", "clean_orders", "clean_fx_rates", "curated_web_sessions"], keys(aws_glue_catalog_table.this))) == 0
    error_message = "Tables are named <layer>_<table>."
  }

  assert {
    condition     = output.catalog_database == "warehouse_dev" && alltrue([for table in aws_glue_catalog_table.this : table.database_name == "warehouse_dev"])
    error_message = "All tables lie in the environment's database."
  }

  assert {
    condition = [for column in aws_glue_catalog_table.this["clean_fx_rates"].storage_descriptor[0].columns : "${column.name} ${column.type}"] == [
      "rate_date date", "from_currency_code string", "to_currency_code string", "rate decimal(18,6)", "row_hash string",
      "batch_id string", "source_line bigint",
    ]
    error_message = "Columns are the contract's, in its order, with Hive's types; the partition's is no column."
  }

  assert {
    condition = alltrue([
      for table in aws_glue_catalog_table.this : length(setintersection(
        [for column in table.storage_descriptor[0].columns : column.name], [for key in table.partition_keys : key.name]
      )) == 0
    ])
    error_message = "No column has the name of a partition key: Glue would refuse to read the table."
  }

  assert {
    condition = alltrue([
      for name, table in aws_glue_catalog_table.this :
      join("/", table.partition_keys[*].name) == (startswith(name, "raw_") ? "delivery_date/batch_id" : "delivery_date")
    ])
    error_message = "Partitions are the lake's folders."
  }

  assert {
    condition = (
      aws_glue_catalog_table.this["clean_orders"].storage_descriptor[0].location == "s3://warehouse-dev-111122223333-clean/clean/orders/" &&
      aws_glue_catalog_table.this["clean_orders"].parameters["storage.location.template"] == "s3://warehouse-dev-111122223333-clean/clean/orders/delivery_date=$${delivery_date}/" &&
      aws_glue_catalog_table.this["raw_orders"].storage_descriptor[0].location == "s3://warehouse-dev-111122223333-raw/raw/orders/"
    )
    error_message = "Tables lie where the pipeline writes."
  }

  assert {
    condition = (
      endswith(aws_glue_catalog_table.this["raw_orders"].storage_descriptor[0].ser_de_info[0].serialization_library, ".OpenCSVSerde") &&
      aws_glue_catalog_table.this["raw_orders"].parameters["skip.header.line.count"] == "1" &&
      endswith(aws_glue_catalog_table.this["raw_web_events"].storage_descriptor[0].ser_de_info[0].serialization_library, ".JsonSerDe") &&
      endswith(aws_glue_catalog_table.this["raw_order_items"].storage_descriptor[0].ser_de_info[0].serialization_library, ".ParquetHiveSerDe")
    )
    error_message = "Deliveries are read in the format that the contract names."
  }

  assert {
    condition = (
      aws_glue_catalog_table.this["raw_customers"].parameters.personal_data == "true" &&
      [for column in aws_glue_catalog_table.this["raw_customers"].storage_descriptor[0].columns : column.parameters["classification"] if column.name == "email"] == ["confidential"]
    )
    error_message = "What is personal is said in the catalog too."
  }
}

run "crawler" {
  assert {
    condition = toset(aws_glue_crawler.raw.catalog_target[0].tables) == toset([
      for path in fileset("../../../../contracts", "raw/*.yaml") : "raw_${trimsuffix(basename(path), ".yaml")}"
    ])
    error_message = "The crawler looks after the raw tables, and no other."
  }

  assert {
    condition = (
      aws_glue_crawler.raw.schema_change_policy[0].update_behavior == "LOG" && aws_glue_crawler.raw.schema_change_policy[0].delete_behavior == "LOG" &&
      jsondecode(aws_glue_crawler.raw.configuration).CrawlerOutput.Partitions.AddOrUpdateBehavior == "InheritFromTable"
    )
    error_message = "The crawler never changes a column: the contracts say them."
  }

  assert {
    condition     = aws_glue_crawler.raw.schedule == "cron(30 23 * * ? *)" && output.crawler_names == ["warehouse-dev-raw"]
    error_message = "It runs after the daily load, 05:00 in Kolkata."
  }

  assert {
    condition     = !anytrue([for statement in data.aws_iam_policy_document.crawler.statement : contains(statement.actions, "glue:UpdateTable") || contains(statement.actions, "s3:PutObject")])
    error_message = "The crawler may change neither tables nor deliveries."
  }
}

run "job" {
  assert {
    condition     = aws_glue_job.lake.glue_version == "5.0" && aws_glue_job.lake.max_retries == 0 && aws_glue_job.lake.timeout == 60 && one(aws_glue_job.lake.execution_property).max_concurrent_runs == 1
    error_message = "Spark 3.5, no retries of Glue's own, one run at a time, an hour at most."
  }

  assert {
    condition = (
      one(aws_glue_job.lake.command).script_location == "s3://warehouse-dev-111122223333-artifacts/bundle/glue_job.py" &&
      aws_glue_job.lake.default_arguments["--bundle"] == "s3://warehouse-dev-111122223333-artifacts/bundle" &&
      aws_glue_job.lake.default_arguments["--job-bookmark-option"] == "job-bookmark-disable"
    )
    error_message = "The script and its bundle are the deployed ones, and the plan says what to read."
  }

  assert {
    condition = (
      aws_glue_job.lake.connections == tolist(["warehouse-dev"]) &&
      aws_glue_connection.vpc.physical_connection_requirements[0].security_group_id_list == toset(["sg-glue"]) &&
      aws_glue_connection.vpc.physical_connection_requirements[0].subnet_id == "subnet-a"
    )
    error_message = "Workers run in the private subnet, in Glue's group."
  }

  assert {
    condition = (
      aws_glue_job.lake.default_arguments["--custom-logGroup-prefix"] == "/aws-glue/warehouse-dev" &&
      { for kind, group in aws_cloudwatch_log_group.job : kind => group.name } == { error = "/aws-glue/warehouse-dev/error", output = "/aws-glue/warehouse-dev/output" } &&
      alltrue([for group in aws_cloudwatch_log_group.job : group.kms_key_id == var.kms_key_arn && group.retention_in_days == 365])
    )
    error_message = "The job writes to our log groups, which are encrypted and end."
  }

  assert {
    condition = alltrue([
      for configuration in [aws_glue_security_configuration.job, aws_glue_security_configuration.crawler] :
      configuration.encryption_configuration[0].s3_encryption[0].s3_encryption_mode == "SSE-KMS" && configuration.encryption_configuration[0].s3_encryption[0].kms_key_arn == var.kms_key_arn
    ]) && aws_glue_job.lake.security_configuration == "warehouse-dev-job"
    error_message = "What Glue writes to S3 is encrypted with the environment's key."
  }
}

run "role_of_the_job" {
  assert {
    condition = one([for statement in data.aws_iam_policy_document.job.statement : statement.resources if statement.sid == "WriteCurated"]) == toset([
      "arn:aws:s3:::warehouse-dev-111122223333-curated/curated/*",
    ])
    error_message = "The job writes the curated layer and nothing else."
  }

  assert {
    condition = one([for statement in data.aws_iam_policy_document.job.statement : statement.resources if statement.sid == "ReadScriptSourcesAndPlans"]) == toset([
      "arn:aws:s3:::warehouse-dev-111122223333-artifacts/bundle/*",
      "arn:aws:s3:::warehouse-dev-111122223333-artifacts/glue/*",
      "arn:aws:s3:::warehouse-dev-111122223333-clean/clean/*",
    ])
    error_message = "The job reads its bundle, its plans and the clean layer."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.job.statement :
      !contains(statement.resources, "*") || contains(["WriteMetrics", "ReadSecurityConfiguration", "LookAtVpc"], statement.sid)
    ])
    error_message = "Only what AWS cannot name is unnamed."
  }
}

run "no_contracts_is_refused" {
  command = plan

  variables {
    contracts_dir = "../../../../docs"
  }

  expect_failures = [var.contracts_dir]
}

run "wrong_schedule_is_refused" {
  command = plan

  variables {
    crawler_schedule = "daily"
  }

  expect_failures = [var.crawler_schedule]
}
