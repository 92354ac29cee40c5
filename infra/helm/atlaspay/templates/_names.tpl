{{- /* Names and labels. */ -}}

{{- define "atlaspay.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* What never changes of an object's labels: selectors are made of these. */ -}}
{{- define "atlaspay.selector" -}}
app.kubernetes.io/name: atlaspay
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "atlaspay.labels" -}}
{{ include "atlaspay.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "atlaspay.serviceAccount" -}}
{{- default (include "atlaspay.fullname" .) .Values.serviceAccount.existingName -}}
{{- end -}}

{{- /* The image of a color: (dict "top" $ "color" "blue"). */ -}}
{{- define "atlaspay.image" -}}
{{- $repository := required "image.repository: where is the image?" .top.Values.image.repository -}}
{{- $image := (index .top.Values.colors .color).image -}}
{{- if $image.digest -}}
{{ $repository }}@{{ $image.digest }}
{{- else -}}
{{ $repository }}:{{ default .top.Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{- /* The colors that run, as a list in JSON. */ -}}
{{- define "atlaspay.colors" -}}
{{- $colors := list -}}
{{- range list "blue" "green" -}}
{{- if (index $.Values.colors .).enabled -}}{{- $colors = append $colors . -}}{{- end -}}
{{- end -}}
{{- $colors | toJson -}}
{{- end -}}

{{- /* A number of the values is a float here, which would print as 3e+10. */ -}}
{{- define "atlaspay.text" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . -}}{{- int64 . -}}{{- else -}}{{- . -}}{{- end -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}
