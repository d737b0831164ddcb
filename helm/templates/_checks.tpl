{{/*
What is wrong with the values, in words: all of it, a line each. A schema's own message would show a regular expression,
or cannot compare two values. Called where every rendering passes.
*/}}
{{- define "recordings.check" -}}
{{- $lines := list }}
{{- range list "image" "settings" "secrets" "cluster" "ingress" "others" }}
{{- range include (printf "recordings.wrongWith.%s" .) $ | splitList "\n" }}
{{- with trim . }}{{ $lines = append $lines . }}{{ end }}
{{- end }}
{{- end }}
{{- if $lines }}{{ printf "\n%s" (join "\n" $lines) | fail }}{{ end }}
{{- end }}

{{/* Without a registry in the name, a node would ask Docker Hub, where nothing is published. */}}
{{- define "recordings.wrongWith.image" -}}
{{- with .Values.image }}
{{- $repository := .repository | default "" }}
{{- $registry := first (splitList "/" $repository) }}
{{- $hasRegistry := and (contains "/" $repository) (regexMatch "[.:]|^localhost$" $registry) }}
{{- if not .repository }}
image.repository is not set, and no image is published: build one with the Dockerfile, push it to a registry that the cluster reaches, and set image.repository, such as registry.example/proctoring-recordings
{{- else if not (or $hasRegistry (eq .pullPolicy "Never")) }}
image.repository: "{{ .repository }}" names no registry: set it to that of an image that you built and pushed, such as registry.example/{{ .repository }}; for an image that was loaded onto the nodes set image.pullPolicy to Never
{{- end }}
{{- end }}
{{- end }}

{{- define "recordings.wrongWith.settings" -}}
{{- $checks := .Files.Get "files/settings.json" | fromJson }}
{{- $settings := .Values.settings }}
{{- if not $settings.S3_BUCKET }}
settings.S3_BUCKET is not set: name the bucket that keeps the recordings
{{- end }}
{{- if not $settings.S3_REGION }}
settings.S3_REGION is not set: name the region where recordings are kept
{{- end }}
{{- if regexMatch "^(127\\.|localhost$|::1$|\\[::1\\]$)" (toString $settings.HOST) }}
settings.HOST: "{{ $settings.HOST }}" is reached from inside the pod alone, and the pod would never be ready; leave it out
{{- end }}
{{- $endpoint := $settings.S3_ENDPOINT | default "" }}
{{- $bucketInHost := printf "^(https?://)%s\\." ($settings.S3_BUCKET | default "" | lower | regexQuoteMeta) }}
{{- if and $settings.S3_BUCKET (not $settings.S3_FORCE_PATH_STYLE) (regexMatch $checks.settings.S3_ENDPOINT.pattern $endpoint) }}
{{- $origin := regexFind "^https?://[^/]+" $endpoint | lower }}
{{- if regexMatch $bucketInHost $origin }}
settings.S3_ENDPOINT must be the endpoint without the bucket: {{ regexReplaceAll $bucketInHost $origin "${1}" }}; if this is the host of the store itself, set settings.S3_FORCE_PATH_STYLE to true
{{- end }}
{{- end }}
{{- range $name, $value := $settings }}
{{- with get $checks.settings $name }}
{{- $check := . }}
{{- if kindIs "map" $value }}
{{- range $key, $item := $value }}
{{- if not (regexMatch $check.keyPattern $key) }}
settings.{{ $name }}: "{{ $key }}" is not allowed as a key; it must be the id of a tenant: letters, digits, "_" and "-"
{{- end }}
{{ include "recordings.wrongValue" (dict "name" (printf "%s.%s" $name $key) "value" $item "check" $check) }}
{{- end }}
{{- else if kindIs "slice" $value }}
{{- range $value }}
{{ include "recordings.wrongValue" (dict "name" $name "value" . "check" $check) }}
{{- end }}
{{- else if not (kindIs "invalid" $value) }}
{{ include "recordings.wrongValue" (dict "name" $name "value" $value "check" $check) }}
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.env }}
{{- if regexMatch $checks.ownNames .name }}
env: {{ .name }} belongs in settings, secrets or another value of its own, where it is checked
{{- end }}
{{- end }}
{{- end }}

{{/* One value of a setting: (dict "name" … "value" … "check" …). */}}
{{- define "recordings.wrongValue" -}}
{{- $isAllowed := true }}
{{- with .check.pattern }}{{ $isAllowed = regexMatch . $.value }}{{ end }}
{{- if hasKey .check "maxSeconds" }}
{{- $isAllowed = regexMatch "^[0-9]{1,9}[smhd]$" .value }}
{{- if $isAllowed }}
{{- $unit := get (dict "s" 1 "m" 60 "h" 3600 "d" 86400) (regexFind "[smhd]$" .value) }}
{{- $seconds := mul (regexFind "[1-9][0-9]*" .value | int64) $unit }}
{{- $isAllowed = and (ge $seconds (int64 .check.minSeconds)) (le $seconds (int64 .check.maxSeconds)) }}
{{- end }}
{{- end }}
{{- if not $isAllowed }}
settings.{{ .name }}: {{ ternary "the value" (trunc 80 .value | quote) (.check.isHidden | default false) }} is not allowed; it must be {{ .check.expected }}
{{- end }}
{{- end }}

{{/* Each secret that is needed comes from one place, and keys are whole. */}}
{{- define "recordings.wrongWith.secrets" -}}
{{- $settings := .Values.settings }}
{{- $given := include "recordings.keysOfSecret" . | fromJsonArray }}
{{- $at := ternary "existingSecretKeys" "secrets" (not (empty .Values.existingSecret)) }}
{{- range include "recordings.secretsOfServe" . | fromJsonArray }}
{{- if hasKey $settings (printf "%s_FILE" .) }}
{{- if has . $given }}
settings.{{ . }}_FILE is set, and {{ $at }} has {{ . }}: set one of them
{{- else }}{{ $given = append $given . }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.existingSecret .Values.secrets }}
existingSecret and secrets are both set: set one of them
{{- end }}
{{- range $prefix := list "S3_" "S3_UPLOAD_" }}
{{- $id := printf "%sACCESS_KEY_ID" $prefix }}
{{- $secret := printf "%sSECRET_ACCESS_KEY" $prefix }}
{{- if and (has $id $given) (not (has $secret $given)) }}
{{ $at }} has {{ $id }} without {{ $secret }}: a key needs both
{{- end }}
{{- if and (has $secret $given) (not (has $id $given)) }}
{{ $at }} has {{ $secret }} without {{ $id }}: a key needs both
{{- end }}
{{- end }}
{{- $hasStoreKey := or (has "S3_ACCESS_KEY_ID" $given) (has "S3_SECRET_ACCESS_KEY" $given) }}
{{- if and .Values.storeKeyFromRole $hasStoreKey }}
storeKeyFromRole is true, and {{ $at }} has S3_ACCESS_KEY_ID: a role or a key, not both
{{- else if not (or .Values.storeKeyFromRole $hasStoreKey) }}
the store's key is missing: set secrets.S3_ACCESS_KEY_ID and secrets.S3_SECRET_ACCESS_KEY, or existingSecret with these keys in existingSecretKeys, or storeKeyFromRole: true where a role of the cloud gives access
{{- end }}
{{- $hasSharedSecret := has "AUTH_SHARED_SECRET" $given }}
{{- if and $settings.AUTH_JWKS_URL $hasSharedSecret }}
settings.AUTH_JWKS_URL is set, and {{ $at }} has AUTH_SHARED_SECRET: tokens are checked with one of them
{{- else if not (or $settings.AUTH_JWKS_URL $hasSharedSecret) }}
nothing checks tokens: set settings.AUTH_JWKS_URL, secrets.AUTH_SHARED_SECRET, or existingSecret with AUTH_SHARED_SECRET in existingSecretKeys
{{- end }}
{{- end }}

{{/* Looks Secrets and ConfigMaps up in the cluster. `helm template` and a dry run cannot. One that does not exist yet is no error. */}}
{{- define "recordings.wrongWith.cluster" -}}
{{- $sources := list (list "Secret" "webhooksSecret" (list "webhooks.json")) (list "Secret" "signingKeysSecret" (list "signing-keys.json")) (list "ConfigMap" "caConfigMap" (list "ca.crt")) }}
{{- if .Values.existingSecret }}{{ $sources = append $sources (list "Secret" "existingSecret" .Values.existingSecretKeys) }}{{ end }}
{{- range $source := $sources }}
{{- with get $.Values (index $source 1) }}
{{- $name := . }}
{{- with lookup "v1" (first $source) $.Release.Namespace . }}
{{- $data := .data | default dict }}
{{- range $key := last $source }}
{{- if not (get $data $key) }}
{{ index $source 1 }}: the {{ first $source }} {{ $name }} in the namespace {{ $.Release.Namespace }} has no {{ $key }}; its keys are: {{ keys $data | sortAlpha | join ", " | default "none" }}
{{- end }}
{{- end }}
{{- if eq (index $source 1) "existingSecret" }}
{{- range list "S3_UPLOAD_ACCESS_KEY_ID" "S3_UPLOAD_SECRET_ACCESS_KEY" }}
{{- if and (hasKey $data .) (not (has . $.Values.existingSecretKeys)) }}
existingSecret: the Secret {{ $name }} has {{ . }}, which existingSecretKeys does not list: it would not be used; list it, or remove it from the Secret
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Tokens must not pass over plain HTTP. */}}
{{- define "recordings.wrongWith.ingress" -}}
{{- with .Values.ingress }}
{{- if .enabled }}
{{- if not .hosts }}
ingress.hosts is empty: an Ingress without a host would answer for every host
{{- end }}
{{- range .paths }}
{{- if or (not (regexMatch "^(/|(/[.]?[A-Za-z0-9_-][A-Za-z0-9._-]*)+)$" .)) (regexMatch "^/(metrics|livez|readyz)(/|$)" .) }}
ingress.paths: {{ trunc 80 . | quote }} is not allowed; it must be / or a path such as /v1, without a pattern, and not that of the metrics or of a probe
{{- end }}
{{- end }}
{{- $tls := .tls }}
{{- $endsElsewhere := .tlsEndsElsewhere }}
{{- range $host := .hosts }}
{{- $isCovered := $endsElsewhere }}
{{- range $tls }}
{{- $wildcard := printf "*.%s" (regexReplaceAll "^[^.]*\\." $host "") }}
{{- if or (not .hosts) (has $host .hosts) (has $wildcard .hosts) }}{{ $isCovered = true }}{{ end }}
{{- end }}
{{- if not $isCovered }}
ingress.tls has no entry for {{ $host }}: tokens would pass over plain HTTP; add one, or set ingress.tlsEndsElsewhere: true where a load balancer or a CDN in front of the Ingress ends TLS
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "recordings.wrongWith.others" -}}
{{- if not (regexMatch "^[a-z][a-z0-9-]*$" .Release.Name) }}
the release's name, {{ .Release.Name }}, must begin with a letter and have no dot: a Service is named after it
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
autoscaling.minReplicas is more than autoscaling.maxReplicas
{{- end }}
{{- range $job := list "sweep" "verify" }}
{{- $schedule := (get $.Values $job).schedule }}
{{- if not (regexMatch "^([A-Za-z0-9*/,?-]+ ){4}[A-Za-z0-9*/,?-]+$" $schedule) }}
{{ $job }}.schedule: "{{ $schedule }}" is not allowed; it must be a cron expression of five fields without a time zone, such as 7 * * * *
{{- end }}
{{- end }}
{{- range $key, $_ := .Values.podLabels }}
{{- if regexMatch "^(app\\.kubernetes\\.io|helm\\.sh)/" $key }}
podLabels: {{ $key }} is a label of the chart, which selects pods by it; use another
{{- end }}
{{- end }}
{{- end }}
