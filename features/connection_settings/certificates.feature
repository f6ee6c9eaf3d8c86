Feature: Client certificates on request
  An agent makes its own key and has the server sign it, so that the key never travels.

  Background:
    Given a server that issues certificates
    And an agent with every capability

  Rule: A sound request is granted

    @SHOULD @csr.server-responds
    Scenario: A request is answered with settings that hold a certificate
      When the agent asks for a client certificate
      Then settings with a certificate are offered

    @implied @csr.creates-certificate @csr.offer-cert-field
    Scenario: The certificate is for the agent's key
      Given the agent has been issued a client certificate
      Then the certificate is for the agent's key

    @implied @csr.offer-no-private-key
    Scenario: The server holds no key of the agent
      Given the agent has been issued a client certificate
      Then no private key comes with the certificate

    @implied @csr.offer-ca-cert
    Scenario: The certificate comes with that of its authority
      Given the agent has been issued a client certificate
      Then the certificate comes with that of its authority

    @implied @certificate.issued-by-recognized-ca
    Scenario: The authority vouches for the certificate
      Given the agent has been issued a client certificate
      Then the authority has signed the certificate

    @implied @csr.opamp-only
    Scenario: The certificate is for OpAMP alone
      Given the agent has been issued a client certificate
      Then no settings but those for OpAMP are offered

    @implied @csr.uid-change-server-ready
    Scenario: An agent under a new_instance_uid is issued another certificate
      Given the agent has been issued a client certificate
      And the agent has been renamed by the server
      When the agent asks for a client certificate
      Then settings with a certificate are offered

  Rule: Anything else is not

    @MUST @csr.failure-bad-request
    Scenario: A request that is no request is a BadRequest
      When the agent asks for a client certificate by bytes that are no request
      Then the refusal is a BadRequest

    @MUST @csr.failure-bad-request
    Scenario: A forged request is a BadRequest
      When the agent asks for a client certificate by a forged request
      Then the refusal is a BadRequest

    @SHOULD @csr.server-validates
    Scenario: A forged request is not granted
      When the agent asks for a client certificate by a forged request
      Then no certificate is issued

    @implied @csr.empty-request
    Scenario: A request for nothing brings nothing
      When the agent asks for no connection settings in particular
      Then the server answers without an error
      And no connection settings are offered
