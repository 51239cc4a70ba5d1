locals {
  # Automatic WLM: Redshift gives out memory and slots, we say who goes first. The pipeline sets `query_group` to
  # `warehouse` in every session; analysts are users of the group `analyst`; the rest is the last queue.
  queues = [
    {
      name                  = "pipeline"
      query_group           = ["warehouse"]
      query_group_wild_card = 0
      user_group            = []
      user_group_wild_card  = 0
      priority              = "high"
      queue_type            = "auto"
      auto_wlm              = true
      # A load takes turns with nobody: it is never sent to a second cluster.
      concurrency_scaling = "off"
    },
    {
      name                  = "analysts"
      query_group           = []
      query_group_wild_card = 0
      user_group            = ["analyst"]
      user_group_wild_card  = 0
      priority              = "normal"
      queue_type            = "auto"
      auto_wlm              = true
      concurrency_scaling   = "auto"
      rules = [
        {
          rule_name = "runs_too_long"
          predicate = [{ metric_name = "query_execution_time", operator = ">", value = 3600 }]
          action    = "abort"
        },
        {
          rule_name = "nested_loop_join"
          predicate = [{ metric_name = "nested_loop_join_row_count", operator = ">", value = 1000000000 }]
          action    = "abort"
        },
      ]
    },
    {
      name                  = "others"
      query_group           = []
      query_group_wild_card = 0
      user_group            = []
      user_group_wild_card  = 0
      priority              = "low"
      queue_type            = "auto"
      auto_wlm              = true
      concurrency_scaling   = "off"
    },
    { short_query_queue = true },
  ]
}
