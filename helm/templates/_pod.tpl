{{/* What all pods share: accepted by a namespace whose pod-security level is `restricted`. */}}
{{- define "recordings.podSpec" -}}
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
  {{- end }}
  {{- with .Values.webhooksSecret }}
  - name: webhooks
    secret:
      secretName: {{ . }}
  {{- end }}
  {{- with .Values.signingKeysSecret }}
  - name: signing-keys
    secret:
      secretName: {{ . }}
  {{- end }}
{{- end }}

{{- define "recordings.container" -}}
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
{{- end }}

{{- define "recordings.podLabels" -}}
{{ include "recordings.labels" . }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}
