// A driver for an agent on io.opentelemetry.contrib:opentelemetry-opamp-client:
// `opamp-conformance run --driver "java -cp 'lib/*' Driver.java" --transport http`.
import io.opentelemetry.opamp.client.OpampClient;
import io.opentelemetry.opamp.client.internal.connectivity.http.OkHttpSender;
import io.opentelemetry.opamp.client.internal.request.delay.PeriodicDelay;
import io.opentelemetry.opamp.client.internal.request.service.HttpRequestService;
import io.opentelemetry.opamp.client.internal.response.MessageData;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import opamp.proto.ServerErrorResponse;

public class Driver {
  static OpampClient agent;

  static void start(String request) {
    var often = PeriodicDelay.ofFixedDuration(Duration.ofSeconds(1));
    var sender = OkHttpSender.create(field(request, "url"));
    agent =
        OpampClient.builder()
            .setRequestService(HttpRequestService.create(sender, often, often))
            .putIdentifyingAttribute("service.name", "java-agent")
            .build(new Callbacks());
  }

  static void stop() throws Exception {
    if (agent != null) {
      agent.close();
    }
    agent = null;
  }

  static class Callbacks implements OpampClient.Callbacks {
    @Override
    public void onMessage(OpampClient client, MessageData message) {}

    @Override
    public void onConnect(OpampClient client) {}

    @Override
    public void onConnectFailed(OpampClient client, Throwable problem) {}

    @Override
    public void onErrorResponse(OpampClient client, ServerErrorResponse response) {}
  }

  /** Returns a field of a request; a driver of yours would use a library for JSON. */
  static String field(String json, String name) {
    Matcher found = Pattern.compile('"' + name + "\": \"?([^\",}]*)").matcher(json);
    return found.find() ? found.group(1) : "";
  }

  public static void main(String[] arguments) throws Exception {
    System.out.println("{\"verbs\": [\"start\", \"stop\"]}");
    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      var answer = "\"ok\": true";
      switch (field(line, "verb")) {
        case "start" -> start(line);
        case "stop" -> stop();
        default -> answer = "\"ok\": false, \"error\": \"there is no such verb\"";
      }
      System.out.println("{\"id\": " + field(line, "id") + ", " + answer + "}");
    }
    stop();
    System.exit(0); // The threads of the client do not end by themselves.
  }
}
