{{/* A CronJob of a command: (dict "root" $ "command" "sweep" "args" (list "sweep") "backoffLimit" 2 "values" .Values.sweep). */}}
{{- define "recordings.cronJob" -}}
{{- $root := .root }}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ include "recordings.name" $root }}-{{ .command }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "recordings.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .command }}
spec:
  schedule: {{ .values.schedule | quote }}
  timeZone: Etc/UTC
  concurrencyPolicy: Forbid
  # Without it, a controller that missed 100 starts would never start one again.
  startingDeadlineSeconds: 1800
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: {{ .backoffLimit }}
      # A node that is drained is no failure of the job: it runs again, and nobody is called.
      podFailurePolicy:
        rules:
          - action: Ignore
            onPodConditions:
              - type: DisruptionTarget
                # In a CronJob the server does not fill in this default: without it, it refuses the whole of it.
                status: "True"
      activeDeadlineSeconds: {{ int64 .values.activeDeadlineSeconds }}
      template:
        metadata:
          labels:
            {{- include "recordings.podLabels" $root | nindent 12 }}
            app.kubernetes.io/component: {{ .command }}
          {{- with $root.Values.podAnnotations }}
          annotations:
            {{- toYaml . | nindent 12 }}
          {{- end }}
        spec:
          restartPolicy: Never
          {{- include "recordings.podSpec" (list $root "recordings.secretsOfJobs") | nindent 10 }}
          containers:
            - name: {{ .command }}
              {{- include "recordings.container" (list $root "recordings.secretsOfJobs") | nindent 14 }}
              command: [node, dist/main.js]
              args: {{ toJson .args }}
              envFrom:
                - configMapRef:
                    name: {{ include "recordings.name" $root }}
              env:
                {{- include "recordings.smallHeap" $root | nindent 16 }}
                {{- include "recordings.env" (list $root "recordings.secretsOfJobs") | trim | nindent 16 }}
              resources:
                {{- toYaml .values.resources | nindent 16 }}
{{- end }}
