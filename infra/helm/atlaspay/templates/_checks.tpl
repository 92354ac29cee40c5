{{- /* What a schema cannot say. Nothing is installed if one of these does not hold. */ -}}
{{- define "atlaspay.checks" -}}
{{- $active := index .Values.colors .Values.colors.active -}}
{{- if not $active.enabled -}}
{{- fail (printf "colors.active is %s, which is not enabled: no request would be answered" .Values.colors.active) -}}
{{- end -}}
{{- if not (has "api" $active.roles) -}}
{{- fail (printf "colors.active is %s, which does not run the role api: no request would be answered" .Values.colors.active) -}}
{{- end -}}
{{- $running := list -}}
{{- range list "blue" "green" -}}
{{- $color := index $.Values.colors . -}}
{{- if $color.enabled -}}{{- $running = concat $running $color.roles -}}{{- end -}}
{{- end -}}
{{- if gt (len (include "atlaspay.colors" . | fromYamlArray)) 1 -}}
{{- range list "blue" "green" -}}
{{- $image := (index $.Values.colors .).image -}}
{{- if not (or $image.tag $image.digest) -}}
{{- fail (printf "colors.%s.image needs a tag or a digest: beside the other color, the release of the chart may be neither's" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range list "worker" "projector" "publisher" "webhooks" -}}
{{- if not (has . $running) -}}
{{- fail (printf "no enabled color runs the role %s: batches would be accepted, and wait" .) -}}
{{- end -}}
{{- end -}}
{{- range $name, $role := .Values.roles -}}
{{- $settings := mergeOverwrite (dict) (deepCopy $.Values.settings) (deepCopy (default (dict) $role.settings)) -}}
{{- $noticeMs := include "atlaspay.text" (default 3000 (get $settings "READINESS_NOTICE_MS")) | int -}}
{{- $grace := int (default $.Values.pods.terminationGracePeriodSeconds $role.terminationGracePeriodSeconds) -}}
{{- if lt (mul $grace 1000) (add $noticeMs 10000) -}}
{{- fail (printf "%s: terminationGracePeriodSeconds is %d, less than READINESS_NOTICE_MS (%d) and ten seconds: requests would be cut" $name $grace $noticeMs) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.migrations.color (not (index .Values.colors .Values.migrations.color).enabled) -}}
{{- fail (printf "migrations.color is %s, which is not enabled" .Values.migrations.color) -}}
{{- end -}}
{{- end -}}
