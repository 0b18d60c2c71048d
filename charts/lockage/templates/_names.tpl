{{- define "lockage.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/name: lockage
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
lockage.dev/deployment: {{ .Values.deployment | trunc 63 }}
{{- end }}

{{- define "lockage.account" -}}
{{ .Values.serviceAccount.name | default .Release.Name }}
{{- end }}
