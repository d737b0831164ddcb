{{/* Settings as environment. Numbers of a values file are floats to Helm: without int64, 10 GiB would be 1.07e+10. */}}
{{- define "recordings.settings" -}}
{{- range $name, $value := .Values.settings }}
{{- if kindIs "slice" $value }}
{{ $name }}: {{ join "," $value | quote }}
{{- else if kindIs "map" $value }}
{{- $pairs := list }}
{{- range $key, $item := $value }}{{ $pairs = append $pairs (printf "%s=%s" $key $item) }}{{ end }}
{{ $name }}: {{ join "," $pairs | quote }}
{{- else if kindIs "float64" $value }}
{{ $name }}: {{ int64 $value | toString | quote }}
{{- else }}
{{ $name }}: {{ toString $value | quote }}
{{- end }}
{{- end }}
SWEEP_SCHEDULE: "off"
{{- end }}

{{/* The secret settings that each kind of pod needs. The jobs need only the store's access key. */}}
{{- define "recordings.secretsOfJobs" -}}
["S3_ACCESS_KEY_ID","S3_SECRET_ACCESS_KEY"]
{{- end }}
{{- define "recordings.secretsOfServe" -}}
["S3_ACCESS_KEY_ID","S3_SECRET_ACCESS_KEY","S3_UPLOAD_ACCESS_KEY_ID","S3_UPLOAD_SECRET_ACCESS_KEY","AUTH_SHARED_SECRET"]
{{- end }}

{{/* The secret settings in the Secret, as JSON: the keys of `secrets`, or `existingSecretKeys`. */}}
{{- define "recordings.keysOfSecret" -}}
{{- if .Values.existingSecret }}{{ toJson .Values.existingSecretKeys }}
{{- else }}{{ keys (.Values.secrets | default dict) | sortAlpha | toJson }}
{{- end }}
{{- end }}

{{/* The secret settings in the Secret that a pod needs, as JSON: (list $ "recordings.secretsOfServe"). All are required. */}}
{{- define "recordings.keysOfPod" -}}
{{- $held := include "recordings.keysOfSecret" (first .) | fromJsonArray }}
{{- $keys := list }}
{{- range include (last .) (first .) | fromJsonArray }}{{ if has . $held }}{{ $keys = append $keys . }}{{ end }}{{ end }}
{{- toJson $keys }}
{{- end }}

{{/* The environment that is not in the ConfigMap: (list $ "recordings.secretsOfServe"). */}}
{{- define "recordings.env" -}}
{{- $root := first . }}
{{- range $name := include "recordings.keysOfPod" . | fromJsonArray }}
{{- if eq $root.Values.secretsAs "files" }}
- name: {{ $name }}_FILE
  value: /etc/proctoring-recordings/secrets/{{ $name }}
{{- else }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "recordings.secret" $root }}
      key: {{ $name }}
{{- end }}
{{- end }}
{{- if $root.Values.caConfigMap }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/proctoring-recordings/ca/ca.crt
{{- end }}
{{- if $root.Values.webhooksSecret }}
- name: WEBHOOKS_FILE
  value: /etc/proctoring-recordings/webhooks/webhooks.json
{{- end }}
{{- if $root.Values.signingKeysSecret }}
- name: SIGNING_KEYS_FILE
  value: /etc/proctoring-recordings/signing-keys/signing-keys.json
{{- end }}
{{- with $root.Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What a sweep or a verification holds does not grow with what is stored, so V8 need not grow its heap either. */}}
{{- define "recordings.smallHeap" -}}
{{- $names := list }}
{{- range .Values.env }}{{ $names = append $names .name }}{{ end }}
{{- if not (has "NODE_OPTIONS" $names) }}
- name: NODE_OPTIONS
  value: --max-old-space-size=160 --max-semi-space-size=4
{{- end }}
{{- end }}

{{- define "recordings.port" -}}
{{ int64 (.Values.settings.PORT | default 8080) }}
{{- end }}

{{- define "recordings.portOfUrl" -}}
{{- $authority := regexFind "^https?://[^/]*" . }}
{{- if regexMatch ":[0-9]+$" $authority }}{{ regexFind "[0-9]+$" $authority }}
{{- else }}{{ ternary 80 443 (hasPrefix "http:" $authority) }}
{{- end }}
{{- end }}
