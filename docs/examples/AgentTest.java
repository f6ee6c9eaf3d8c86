// A test of an agent on io.opentelemetry.contrib:opentelemetry-opamp-client, in one file without a framework:
// `java -ea -cp 'lib/*' AgentTest.java`.
import io.opentelemetry.opamp.client.OpampClient;
import io.opentelemetry.opamp.client.internal.connectivity.http.OkHttpSender;
import io.opentelemetry.opamp.client.internal.request.delay.PeriodicDelay;
import io.opentelemetry.opamp.client.internal.request.service.HttpRequestService;
import io.opentelemetry.opamp.client.internal.response.MessageData;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import opamp.proto.RemoteConfigStatus;
import opamp.proto.RemoteConfigStatuses;
import opamp.proto.ServerErrorResponse;

public class AgentTest {
  static final String URL =
      System.getenv().getOrDefault("OPAMP_URL", "http://127.0.0.1:4320/v1/opamp");
  static final String CONTROL = URL.replace("/v1/opamp", "/control");
  static final HttpClient HTTP = HttpClient.newHttpClient();

  static String ask(String method, String path, String body) throws Exception {
    var request =
        HttpRequest.newBuilder(URI.create(CONTROL + path))
            .method(method, BodyPublishers.ofString(body))
            .build();
    var response = HTTP.send(request, BodyHandlers.ofString());
    assert response.statusCode() < 400 : response.body();
    return response.body();
  }

  /** Returns the first message that matches, and waits for it if it has not come. */
  static String expect(String query) throws Exception {
    var told = ask("GET", "/messages?within=10&limit=1&" + query, "");
    assert told.contains("\"number\"") : "no message with " + query;
    return told;
  }

  /** Returns the first value of a field; a test of yours would use a library for JSON. */
  static String field(String json, String name) {
    Matcher found = Pattern.compile('"' + name + "\": \"?([^\",}]*)").matcher(json);
    assert found.find() : json;
    return found.group(1);
  }

  static OpampClient startAgent() {
    var often = PeriodicDelay.ofFixedDuration(Duration.ofMillis(200));
    return OpampClient.builder()
        .setRequestService(HttpRequestService.create(OkHttpSender.create(URL), often, often))
        .putIdentifyingAttribute("service.name", "example")
        .enableRemoteConfig()
        .build(new Applies());
  }

  static class Applies implements OpampClient.Callbacks {
    @Override
    public void onMessage(OpampClient client, MessageData message) {
      if (message.getRemoteConfig() != null) {
        client.setRemoteConfigStatus(
            new RemoteConfigStatus.Builder()
                .last_remote_config_hash(message.getRemoteConfig().config_hash)
                .status(RemoteConfigStatuses.RemoteConfigStatuses_APPLIED)
                .build());
      }
    }

    @Override
    public void onConnect(OpampClient client) {}

    @Override
    public void onConnectFailed(OpampClient client, Throwable problem) {}

    @Override
    public void onErrorResponse(OpampClient client, ServerErrorResponse response) {}
  }

  static void anAgentAppliesWhatItIsOfferedAndFindsItsWayBack() throws Exception {
    ask("POST", "/reset", "");
    try (var agent = startAgent()) {
      var first = expect("has=agent_description");
      var uid = field(first, "instance_uid");

      var file = Base64.getEncoder().encodeToString("logs: debug".getBytes());
      ask(
          "PUT",
          "/agents/" + uid + "/remote_config",
          "{\"config_map\": {\"main.yaml\": {\"body\": \"" + file + "\"}}}");
      var told =
          expect("agent=" + uid + "&has=remote_config_status&after=" + field(first, "number"));
      var status = told.substring(told.indexOf("\"remote_config_status\""));
      assert field(status, "status").equals("RemoteConfigStatuses_APPLIED") : told;

      ask("DELETE", "/connections", "");
      var newest = field(ask("GET", "/messages?limit=1", ""), "newest");
      expect("agent=" + uid + "&after=" + newest);
    }
  }

  public static void main(String[] arguments) {
    try {
      anAgentAppliesWhatItIsOfferedAndFindsItsWayBack();
      System.out.println("passed");
      System.exit(0); // The agent's HTTP client does not let it end before its connections do.
    } catch (Throwable problem) {
      problem.printStackTrace();
      System.exit(1);
    }
  }
}
