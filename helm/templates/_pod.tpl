{{/*
What all pods share: accepted by a namespace whose pod-security level is `restricted`. (list $ "recordings.secretsOfServe"),
or (list $) for a pod without secrets.
*/}}
{{- define "recordings.podSpec" -}}
{{- $pod := . }}
{{- with first . }}
serviceAccountName: {{ include "recordings.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- with .Values.runAsUser }}
  runAsUser: {{ int64 . }}
  runAsGroup: {{ int64 . }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
  {{- with .Values.caConfigMap }}
  - name: ca
    configMap:
      name: {{ . }}
      items: [{ key: ca.crt, path: ca.crt }]
  {{- end }}
  {{- with .Values.webhooksSecret }}
  - name: webhooks
    secret:
      secretName: {{ . }}
      items: [{ key: webhooks.json, path: webhooks.json }]
  {{- end }}
  {{- with .Values.signingKeysSecret }}
  - name: signing-keys
    secret:
      secretName: {{ . }}
      items: [{ key: signing-keys.json, path: signing-keys.json }]
  {{- end }}
  {{- with include "recordings.keysOfFiles" $pod | fromJsonArray }}
  - name: secrets
    secret:
      secretName: {{ include "recordings.secret" (first $pod) }}
      items:
        {{- range . }}
        - { key: {{ . }}, path: {{ . }} }
        {{- end }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The secret settings that are mounted as files, as JSON. */}}
{{- define "recordings.keysOfFiles" -}}
{{- if and (gt (len .) 1) (eq (first .).Values.secretsAs "files") }}{{ include "recordings.keysOfPod" . }}{{ else }}[]{{ end }}
{{- end }}

{{/* As `recordings.podSpec`. */}}
{{- define "recordings.container" -}}
{{- $pod := . }}
{{- with first . }}
image: {{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- if .Values.caConfigMap }}
  - name: ca
    mountPath: /etc/proctoring-recordings/ca
    readOnly: true
  {{- end }}
  {{- if .Values.webhooksSecret }}
  - name: webhooks
    mountPath: /etc/proctoring-recordings/webhooks
    readOnly: true
  {{- end }}
  {{- if .Values.signingKeysSecret }}
  - name: signing-keys
    mountPath: /etc/proctoring-recordings/signing-keys
    readOnly: true
  {{- end }}
  {{- if include "recordings.keysOfFiles" $pod | fromJsonArray }}
  - name: secrets
    mountPath: /etc/proctoring-recordings/secrets
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "recordings.podLabels" -}}
{{ include "recordings.labels" . }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}
