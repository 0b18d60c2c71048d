{{- define "towpath.probes" -}}
readinessProbe:
  httpGet:
    path: /healthz
    port: http
    scheme: HTTP
  initialDelaySeconds: {{ .Values.towpath.readinessProbe.initialDelaySeconds }}
livenessProbe:
  httpGet:
    path: /healthz
    port: http
    scheme: HTTP
  initialDelaySeconds: {{ .Values.towpath.livenessProbe.initialDelaySeconds }}
{{- end }}
