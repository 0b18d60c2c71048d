{{- define "towpath.probe" -}}
httpGet:
  path: /healthz
  port: http
  scheme: HTTP
{{- range $field := list "initialDelaySeconds" "periodSeconds" "timeoutSeconds" "successThreshold" "failureThreshold" }}
{{- if hasKey $ $field }}
{{ $field }}: {{ get $ $field }}
{{- end }}
{{- end }}
{{- end }}

{{- define "towpath.probes" -}}
{{- with .Values.towpath.readinessProbe }}
{{- if .enabled }}
readinessProbe:
  {{- include "towpath.probe" . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.towpath.livenessProbe }}
{{- if .enabled }}
livenessProbe:
  {{- include "towpath.probe" . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
