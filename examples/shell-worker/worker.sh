echo '{"ready":true}'
read -r hello
while read -r event; do echo "{\"emit\":\"time\",\"args\":[\"$(date +%T)\"]}"; done
