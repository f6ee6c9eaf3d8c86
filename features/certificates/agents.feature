@agent
Feature: The certificate of an agent
  A server can know its agents by their certificates. An agent gets its certificate with an offer, or makes a key itself
  and asks the server to sign for it: then the key never leaves the agent.

  @implied @csr.client-sends @csr.pem @csr.request-has-opamp @csr.certificate-request-required.asked
  Scenario: An agent asks for a certificate
    Given an agent whose driver can let it ask for a certificate
    When the agent asks for a certificate
    Then the agent sends a signing request in PEM, signed by its own key

  @implied @csr.own-key
  Scenario: An agent uses the certificate that it has asked for
    Given an agent whose driver can let it ask for a certificate
    And the agent has the capability AcceptsOpAMPConnectionSettings
    And the agent has asked for a certificate
    When the server offers the certificate that it has signed
    Then the agent connects with the certificate that it has asked for

  @implied @csr.remove-bootstrap
  Scenario: The certificate that an agent has asked for replaces an earlier one
    Given an agent whose driver can let it ask for a certificate
    And the agent has the capability AcceptsOpAMPConnectionSettings
    And the agent uses a certificate that the server has offered
    And the agent has asked for a certificate
    When the server offers the certificate that it has signed
    Then the agent connects with the certificate that it has asked for

  @implied @csr.uid-change-repeat-flow
  Scenario: An agent asks for another certificate when its instance_uid changes
    Given an agent whose driver can let it ask for a certificate
    And the agent has the capability AcceptsOpAMPConnectionSettings
    And the agent uses a certificate that names its instance_uid
    When the server gives the agent a new instance_uid
    Then the agent asks for a certificate that names its new instance_uid

  Rule: An agent shows the certificate that it was offered, and no other

    @implied @opamp-settings.certificate-used
    Scenario: An agent connects with the offered certificate
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint over TLS, and a certificate
      Then the agent connects to the offered endpoint with the certificate

    @implied @opamp-settings.certificate-used.again
    Scenario: An agent shows the offered certificate each time that it connects
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent uses a certificate that the server has offered
      When the connection of the agent breaks
      Then the agent's next message comes with the certificate

    @SHOULD @opamp-settings.certificate-forget-old
    Scenario: A later certificate replaces the earlier one
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent uses a certificate that the server has offered
      When the server offers another endpoint over TLS, and another certificate
      Then the agent connects to the offered endpoint with the certificate

    @SHOULD-NOT @opamp-settings.certificate-omitted
    Scenario: An agent shows no certificate any more if the offer has none
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent uses a certificate that the server has offered
      When the server offers another endpoint over TLS, and no certificate
      Then the agent connects to the offered endpoint without a certificate

    @implied @certificate.agent-not-trusting-ca
    Scenario: An agent does not trust a server because of the authority of its own certificate
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint over TLS, and its authority only as that of a certificate
      Then the agent returns to the old endpoint
