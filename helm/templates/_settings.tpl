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

{{/*
The environment that is not in the ConfigMap: (list $ "S3_ACCESS_KEY_ID" …) refers to those secret settings that there are.
*/}}
{{- define "recordings.env" -}}
{{- $root := first . }}
{{- range $name := rest . }}
{{- $isAuth := eq $name "AUTH_SHARED_SECRET" }}
{{- $isGiven := hasKey $root.Values.secrets $name }}
{{- if or $isGiven (and $root.Values.existingSecret (not (and $isAuth $root.Values.settings.AUTH_JWKS_URL))) }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "recordings.secret" $root }}
      key: {{ $name }}
      optional: {{ not (or $isGiven $isAuth) }}
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
{{- $url := urlParse . }}
{{- if regexMatch ":[0-9]+$" $url.host }}{{ regexFind "[0-9]+$" $url.host }}
{{- else }}{{ ternary 80 443 (eq $url.scheme "http") }}
{{- end }}
{{- end }}

{{/* What a schema cannot say well: each line names the key. Called where every rendering passes. */}}
{{- define "recordings.check" -}}
{{- $settings := .Values.settings }}
{{- if not (regexMatch "^[a-z][a-z0-9-]*$" .Release.Name) }}{{ fail (printf "the release's name, %s, must begin with a letter and have no dot: a Service is named after it" .Release.Name) }}{{ end }}
{{- if not $settings.S3_BUCKET }}{{ fail "settings.S3_BUCKET is not set: name the bucket that keeps the recordings" }}{{ end }}
{{- if not $settings.S3_REGION }}{{ fail "settings.S3_REGION is not set: name the region where recordings are kept" }}{{ end }}
{{- if and .Values.existingSecret .Values.secrets }}{{ fail "existingSecret and secrets are both set: set one of them" }}{{ end }}
{{- if and $settings.AUTH_JWKS_URL .Values.secrets.AUTH_SHARED_SECRET }}{{ fail "settings.AUTH_JWKS_URL and secrets.AUTH_SHARED_SECRET are both set: set one of them" }}{{ end }}
{{- if not (or $settings.AUTH_JWKS_URL .Values.secrets.AUTH_SHARED_SECRET .Values.existingSecret) }}{{ fail "nothing checks tokens: set settings.AUTH_JWKS_URL, secrets.AUTH_SHARED_SECRET, or existingSecret with the key AUTH_SHARED_SECRET" }}{{ end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}{{ fail "ingress.hosts is empty: an Ingress without a host would answer for every host" }}{{ end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}{{ fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" }}{{ end }}
{{- if .Values.networkPolicy.enabled }}
{{- if not .Values.networkPolicy.store }}{{ fail "networkPolicy.store is empty: say where the store is" }}{{ end }}
{{- if and $settings.AUTH_JWKS_URL (not .Values.networkPolicy.jwks) }}{{ fail "networkPolicy.jwks is empty: say where settings.AUTH_JWKS_URL leads" }}{{ end }}
{{- end }}
{{- end }}
