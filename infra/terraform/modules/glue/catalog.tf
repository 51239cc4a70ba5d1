locals {
  contracts = {
    for path in fileset(var.contracts_dir, "{raw,clean,curated}/*.yaml") :
    replace(trimsuffix(path, ".yaml"), "/", "_") => {
      layer    = dirname(path)
      table    = trimsuffix(basename(path), ".yaml")
      contract = yamldecode(file("${var.contracts_dir}/${path}"))
    }
  }

  # A contract's physical type as Hive writes it; decimal(p,s) is the same, and an unknown one is an error.
  hive_types = {
    smallint           = "smallint"
    integer            = "int"
    bigint             = "bigint"
    "double precision" = "double"
    boolean            = "boolean"
    date               = "date"
    timestamp          = "timestamp"
    varchar            = "string"
  }

  # How files of a format are read. Rows of the clean and curated layers are Parquet.
  formats = {
    parquet = {
      input            = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
      output           = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
      serde            = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
      serde_parameters = {}
      parameters       = {}
    }
    csv = {
      input            = "org.apache.hadoop.mapred.TextInputFormat"
      output           = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      serde            = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
      serde_parameters = { separatorChar = ",", quoteChar = "\"" }
      parameters       = { "skip.header.line.count" = "1" }
    }
    jsonl = {
      input            = "org.apache.hadoop.mapred.TextInputFormat"
      output           = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      serde            = "org.openx.data.jsonserde.JsonSerDe"
      serde_parameters = {}
      parameters       = {}
    }
  }

  tables = {
    for name, one in local.contracts : name => {
      layer       = one.layer
      table       = one.table
      version     = one.contract.version
      description = one.contract.schema[0].description
      location    = "s3://${var.buckets[one.layer].id}/${one.layer}/${one.table}/"
      format = one([
        for property in try(one.contract.schema[0].customProperties, []) : property.value.format if property.property == "delivery"
      ])
      personal = contains(try(one.contract.tags, []), "pii")
      columns = [
        for column in one.contract.schema[0].properties : {
          name    = column.name
          type    = startswith(column.physicalType, "decimal(") ? replace(column.physicalType, " ", "") : local.hive_types[split("(", column.physicalType)[0]]
          comment = substr(try(column.description, ""), 0, 255)
          class   = try(column.classification, "")
        }
      ]
      # The lake's folders: <layer>/<table>/delivery_date=<day>/<batch>/<file>. The crawler registers the raw ones, file by
      # batch; of the others the day is all that a query needs, and it is projected, not registered.
      partitions = concat(
        [{ name = "delivery_date", type = "date", comment = "Day of the delivery" }],
        one.layer == "raw" ? [{ name = "batch_id", type = "string", comment = "Batch that the file is" }] : []
      )
    }
  }
}

resource "aws_glue_catalog_database" "this" {
  name        = replace(var.name, "-", "_")
  description = "The lake of ${var.name}: raw, clean and curated tables as their contracts promise them"
}

resource "aws_glue_catalog_table" "this" {
  for_each = local.tables

  database_name = aws_glue_catalog_database.this.name
  name          = each.key
  description   = substr(each.value.description, 0, 2048)
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(
    {
      EXTERNAL         = "TRUE"
      classification   = each.value.layer == "raw" ? { csv = "csv", jsonl = "json", parquet = "parquet" }[each.value.format] : "parquet"
      contract         = "${each.value.layer}.${each.value.table}"
      contract_version = each.value.version
      personal_data    = tostring(each.value.personal)
    },
    local.formats[each.value.layer == "raw" ? each.value.format : "parquet"].parameters,
    each.value.layer == "raw" ? {} : {
      "projection.enabled"              = "true"
      "projection.delivery_date.type"   = "date"
      "projection.delivery_date.format" = "yyyy-MM-dd"
      "projection.delivery_date.range"  = "${var.first_delivery},NOW"
      "storage.location.template"       = "${each.value.location}delivery_date=$${delivery_date}/"
      # A manifest lies beside the rows that it names; Glue's own readers leave it out.
      exclusions = jsonencode(["**.manifest"])
    }
  )

  dynamic "partition_keys" {
    for_each = each.value.partitions

    content {
      name    = partition_keys.value.name
      type    = partition_keys.value.type
      comment = partition_keys.value.comment
    }
  }

  storage_descriptor {
    location      = each.value.location
    input_format  = local.formats[each.value.layer == "raw" ? each.value.format : "parquet"].input
    output_format = local.formats[each.value.layer == "raw" ? each.value.format : "parquet"].output

    ser_de_info {
      serialization_library = local.formats[each.value.layer == "raw" ? each.value.format : "parquet"].serde
      parameters            = local.formats[each.value.layer == "raw" ? each.value.format : "parquet"].serde_parameters
    }

    dynamic "columns" {
      # A folder's name says the partition's value: no column may have its name.
      for_each = [for column in each.value.columns : column if !contains(each.value.partitions[*].name, column.name)]

      content {
        name       = columns.value.name
        type       = columns.value.type
        comment    = columns.value.comment
        parameters = columns.value.class == "" ? {} : { classification = columns.value.class }
      }
    }
  }
}

# Adds the partitions of new deliveries to the raw tables. Their columns are the contracts' matter: it changes none.
resource "aws_glue_crawler" "raw" {
  name                   = "${var.name}-raw"
  description            = "Partitions of the raw tables of ${var.name}"
  role                   = aws_iam_role.crawler.arn
  database_name          = aws_glue_catalog_database.this.name
  schedule               = var.crawler_schedule
  security_configuration = aws_glue_security_configuration.crawler.name

  catalog_target {
    database_name = aws_glue_catalog_database.this.name
    tables        = sort([for name, table in local.tables : aws_glue_catalog_table.this[name].name if table.layer == "raw"])
  }

  schema_change_policy {
    update_behavior = "LOG"
    delete_behavior = "LOG"
  }

  configuration = jsonencode({
    Version       = 1.0
    Grouping      = { TableGroupingPolicy = "CombineCompatibleSchemas" }
    CrawlerOutput = { Partitions = { AddOrUpdateBehavior = "InheritFromTable" } }
  })
}
