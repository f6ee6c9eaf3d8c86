Feature: The contents of connection settings
  An agent connects with the settings that it receives. It cannot ask for more, so they must be complete.

  Background:
    Given a server that offers connection settings
    And an agent with every capability
    And the agent has reported its full status

  @MUST @opamp-settings.endpoint-non-empty
  Scenario: Settings for OpAMP have an endpoint
    Given the agent has received settings for OpAMP
    Then the settings for OpAMP have an endpoint

  @MUST @opamp-settings.endpoint-url
  Scenario: The endpoint of settings for OpAMP is a URL
    Given the agent has received settings for OpAMP
    Then the endpoint of the settings for OpAMP is a WebSocket or HTTP URL

  @MUST @telemetry-settings.endpoint-full-url
  Scenario: The endpoint of settings for own metrics is a full URL
    Given the agent has received settings for own metrics
    Then the endpoint for telemetry is a full URL

  @SHOULD @telemetry-settings.endpoint-https
  Scenario: Own metrics are sent over TLS
    Given the agent has received settings for own metrics
    Then the endpoint for telemetry begins with https

  @MUST @proxy.url-non-empty
  Scenario: A proxy has a URL
    Given the agent has received settings with a proxy
    Then the proxy has a URL

  @implied @certificate.cert-required
  Scenario: An offered certificate is in PEM
    Given the agent has received settings with a certificate
    Then the offer has a certificate in PEM

  @implied @certificate.private-key-required.opamp
  Scenario: An offered certificate comes with its private key
    Given the agent has received settings with a certificate
    Then the certificate comes with a private key

  @MUST @certificate.ca-cert-if-ca-signed.opamp
  Scenario: An offered certificate comes with the certificate of its authority
    Given the agent has received settings with a certificate
    Then the certificate comes with the certificate of its authority

  @implied @certificate.private-key-required.another-connection
  Scenario: A certificate for another connection comes with its private key
    Given the agent has received a certificate for another connection
    Then the certificate for the other connection comes with a private key

  @MUST @certificate.ca-cert-if-ca-signed.another-connection
  Scenario: A certificate for another connection comes with the certificate of its authority
    Given the agent has received a certificate for another connection
    Then the certificate for the other connection comes with the certificate of its authority
