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
{{- range $color := include "atlaspay.colors" . | fromYamlArray -}}
{{- range $name := (index $.Values.colors $color).roles -}}
{{- $role := index $.Values.roles $name -}}
{{- $settings := include "atlaspay.settings" (dict "top" $ "color" $color "role" $name) | fromYaml -}}
{{- $noticeMs := include "atlaspay.text" (default 3000 (get $settings "READINESS_NOTICE_MS")) | int -}}
{{- $grace := int (default $.Values.pods.terminationGracePeriodSeconds $role.terminationGracePeriodSeconds) -}}
{{- if lt (mul $grace 1000) (add $noticeMs 10000) -}}
{{- fail (printf "%s: terminationGracePeriodSeconds is %d, less than READINESS_NOTICE_MS (%d) and ten seconds: requests would be cut" $name $grace $noticeMs) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "atlaspay.switchCheck" . -}}
{{- if and .Values.migrations.color (not (index .Values.colors .Values.migrations.color).enabled) -}}
{{- fail (printf "migrations.color is %s, which is not enabled" .Values.migrations.color) -}}
{{- end -}}
{{- end -}}

{{- /*
Helm changes Services before Deployments: switched in the step that starts the other color, requests would go to nobody until it is
ready. Rendered without a cluster, nothing is known of it, and nothing is refused.
*/ -}}
{{- define "atlaspay.switchCheck" -}}
{{- $active := .Values.colors.active -}}
{{- $name := include "atlaspay.fullname" . -}}
{{- $service := lookup "v1" "Service" .Release.Namespace $name -}}
{{- if ne $active (dig "spec" "selector" "atlaspay.io/color" $active $service) -}}
{{- $api := lookup "apps/v1" "Deployment" .Release.Namespace (printf "%s-%s-api" $name $active) -}}
{{- if not (dig "status" "readyReplicas" 0 $api) -}}
{{- fail (printf "colors.active is %s, of whose api nothing is ready: start it in a step before, and switch when it is ready" $active) -}}
{{- end -}}
{{- end -}}
{{- end -}}
