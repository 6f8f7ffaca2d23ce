# The floor of running a container: conmon and an OCI runtime on a bundle that is ready, and no engine.
# bundle.sh DIRECTORY RUNTIME: for each line of standard input, one container from create to delete; then a line.
directory=$1 runtime=$2
mkfifo "$directory/sync"
while read -r id; do
  _OCI_SYNCPIPE=3 conmon --sync --cid "$id" --cuuid "$id" --runtime "$runtime" --bundle "$directory" \
    --container-pidfile "$directory/pid" --log-path "k8s-file:$directory/log" --exit-dir "$directory" \
    --socket-dir-path "$directory" 3>"$directory/sync" &
  read -r created <"$directory/sync"
  "$runtime" start "$id"
  wait $!
  "$runtime" delete "$id"
  echo "$(cat "$directory/$id") $created"
  rm "$directory/$id"
done
