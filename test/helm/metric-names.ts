// The metrics that the alerts and the dashboard may use: the one list of them, by where they come from.

/** GET /metrics. A histogram is named as it is declared, without _bucket, _sum and _count. */
export const METRICS_OF_THE_SERVICE = [
  'http_requests_total',
  'http_request_duration_seconds',
  'proctoring_store_requests_total',
  'proctoring_store_request_duration_seconds',
  'proctoring_recordings_created_total',
  'proctoring_recordings_stored_total',
  'proctoring_part_urls_total',
  'proctoring_playback_links_total',
  'proctoring_deletion_oldest_due_timestamp_seconds',
  'proctoring_deletion_oldest_overdue_seconds',
  'proctoring_deletion_sweepable_attempts',
  'proctoring_deletion_status_timestamp_seconds',
  'proctoring_deletion_lead_seconds',
  'proctoring_sweep_last_success_timestamp_seconds',
  'proctoring_ready',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'nodejs_eventloop_lag_p99_seconds',
] as const;

/** kube-state-metrics 2. */
export const METRICS_OF_KUBERNETES = [
  'kube_cronjob_created',
  'kube_cronjob_status_last_successful_time',
  'kube_job_failed',
  'kube_job_status_start_time',
] as const;
